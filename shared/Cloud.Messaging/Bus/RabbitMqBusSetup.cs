using MassTransit;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Messaging;

internal static class RabbitMqBusSetup
{
    /// <summary>Messages that the broker may hand over ahead of their turn.</summary>
    private const ushort Prefetch = 64;

    public static void AddRabbitMqBus(this IServiceCollection services, Uri uri)
    {
        services.AddMassTransit(bus =>
        {
            bus.ConfigureHealthCheckOptions(health =>
            {
                health.Name = "masstransit";
                health.Tags.Clear();
            });
            bus.UsingRabbitMq((context, rabbit) =>
            {
                var credentials = uri.UserInfo.Split(':', 2);
                rabbit.Host(new Uri(uri.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped)), host =>
                {
                    host.Username(Uri.UnescapeDataString(credentials[0]));
                    host.Password(credentials.Length > 1 ? Uri.UnescapeDataString(credentials[1]) : "");
                });
                rabbit.Message<BusMessage>(message => message.SetEntityName(RabbitMqBus.Exchange));
                rabbit.Publish<BusMessage>(publish => publish.ExchangeType = RabbitMQ.Client.ExchangeType.Direct);
                foreach (var service in context.GetServices<ServiceRegistration>().Where(one => one.MessageNames.Count > 0))
                {
                    rabbit.ReceiveEndpoint($"cloud.{service.Name}", endpoint => Configure(endpoint, service, context));
                }
            });
        });
        services.AddSingleton<RabbitMqLeave>();
        services.AddHostedService(provider => provider.GetRequiredService<RabbitMqLeave>());
        services.AddSingleton<IMessageBus, RabbitMqBus>();
        services.AddHealthChecks().AddCheck<RabbitMqHealthCheck>("bus");
    }

    /// <summary>
    /// A durable queue, so that a confirmed message is on disk, with one active consumer: replicas stand by, as two that take turns would
    /// not keep the order. What the active one had not acknowledged when it died goes to the next in its old place.
    /// </summary>
    private static void Configure(IRabbitMqReceiveEndpointConfigurator endpoint, ServiceRegistration service, IServiceProvider provider)
    {
        // Not a quorum queue: RabbitMQ 3.10 writes the name of a new one down within a second only, and a broker that is killed before has
        // lost what it confirmed, and refuses every later message.
        endpoint.Durable = true;
        endpoint.SingleActiveConsumer = true;
        endpoint.ConfigureConsumeTopology = false;
        endpoint.PublishFaults = false;
        endpoint.PrefetchCount = Prefetch;
        endpoint.ConcurrentMessageLimit = 1;
        endpoint.ConfigureChannel(channel => channel.UseFilter(provider.GetRequiredService<RabbitMqLeave>()));
        foreach (var name in service.MessageNames)
        {
            endpoint.Bind<BusMessage>(binding =>
            {
                binding.ExchangeType = RabbitMQ.Client.ExchangeType.Direct;
                binding.RoutingKey = name;
            });
        }

        endpoint.Consumer(() => ActivatorUtilities.CreateInstance<RabbitMqConsumer>(provider, service));
    }
}
