using MassTransit;
using Microsoft.Extensions.Logging;

namespace Cloud.Messaging;

/// <summary>
/// Takes one message after the other from a service's queue into its inbox, and acknowledges it when that is committed. A database that
/// does not answer is waited for: the message stays unacknowledged, and those behind it keep their places.
/// </summary>
internal sealed partial class RabbitMqConsumer(
    ServiceRegistration service, TimeProvider time, ILogger<RabbitMqConsumer> log) : IConsumer<BusMessage>
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    public async Task Consume(ConsumeContext<BusMessage> context)
    {
        var ct = context.CancellationToken;
        for (var tries = 1; ; tries++)
        {
            try
            {
                await service.StoreAsync([context.Message], ct);
                return;
            }
            catch (Exception fault) when (!ct.IsCancellationRequested)
            {
                if (tries == 1)
                {
                    LogWaits(log, fault, service.Name);
                }

                await Task.Delay(Pause, time, ct);
            }
        }
    }

    [LoggerMessage(
        EventId = 202, Level = LogLevel.Warning, Message = "Messages for {Service} wait at the broker until its database answers")]
    private static partial void LogWaits(ILogger log, Exception exception, string service);
}
