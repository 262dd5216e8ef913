using MassTransit;
using MassTransit.Mediator;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Messaging;

/// <summary>Messages on their way between services of one process. Internal to it: never on a wire.</summary>
internal sealed record MemoryDelivery(IReadOnlyList<BusMessage> Messages);

/// <summary>
/// The bus among the services of one process, by MassTransit's mediator: it answers when every service that subscribed has committed the
/// messages to its inbox. MassTransit's in-memory transport would answer when they are queued in memory, and a crash would lose those.
/// </summary>
internal sealed class MemoryBus(IMediator mediator) : IMessageBus
{
    public async Task<Delivery> DeliverAsync(string source, IReadOnlyList<OutboxMessage> messages, CancellationToken ct)
    {
        await mediator.Publish(new MemoryDelivery([.. messages.Select(message => message.ToBusMessage(source))]), ct);
        return new Delivery([.. messages.Select(message => message.Position)], null);
    }
}

/// <summary>Stores what is delivered in the inboxes of this process's services.</summary>
internal sealed class MemoryDeliveryConsumer(IEnumerable<ServiceRegistration> services) : IConsumer<MemoryDelivery>
{
    public async Task Consume(ConsumeContext<MemoryDelivery> context)
    {
        foreach (var service in services)
        {
            await service.StoreAsync(context.Message.Messages, context.CancellationToken);
        }
    }
}

internal static class MemoryBusSetup
{
    public static void AddMemoryBus(this IServiceCollection services)
    {
        services.AddMediator(mediator => mediator.AddConsumer<MemoryDeliveryConsumer>());
        services.AddSingleton<IMessageBus, MemoryBus>();
        services.AddHealthChecks().AddCheck(
            "bus", () => Microsoft.Extensions.Diagnostics.HealthChecks.HealthCheckResult.Healthy("in memory"));
    }
}
