using MassTransit;

namespace Cloud.Messaging;

/// <summary>
/// The bus between processes. Every message goes to one direct exchange under its name; each service's queue is bound by the names it has
/// handlers for. A message is delivered when the broker has confirmed it.
/// </summary>
internal sealed class RabbitMqBus(IBusControl bus) : IMessageBus
{
    /// <summary>The exchange of all messages.</summary>
    public const string Exchange = "cloud.messages";

    /// <summary>Keys that are published at once; within a key one message after the other.</summary>
    private const int KeysAtOnce = 16;

    /// <summary>The longest that a batch waits for a broker; what was not confirmed then is published again later.</summary>
    private static readonly TimeSpan BatchLimit = TimeSpan.FromSeconds(10);

    public async Task<Delivery> DeliverAsync(string source, IReadOnlyList<OutboxMessage> messages, CancellationToken ct)
    {
        if (bus.CheckHealth() is { Status: not BusHealthStatus.Healthy } health)
        {
            // The broker confirms, and drops, what no queue is bound for yet: the process's own queues come first.
            return new Delivery([], new InvalidOperationException(health.Description, health.Exception));
        }

        var delivered = new List<long>(messages.Count);
        Exception? fault = null;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(BatchLimit);
        try
        {
            await Parallel.ForEachAsync(
                messages.GroupBy(message => message.OrderKey),
                new ParallelOptions { MaxDegreeOfParallelism = KeysAtOnce, CancellationToken = limit.Token },
                async (key, token) =>
                {
                    foreach (var message in key)
                    {
                        await bus.Publish(message.ToBusMessage(source), context => context.SetRoutingKey(message.Name), token);
                        lock (delivered)
                        {
                            delivered.Add(message.Position);
                        }
                    }
                });
        }
        catch (Exception caught) when (!ct.IsCancellationRequested)
        {
            fault = caught;
        }

        lock (delivered)
        {
            return new Delivery([.. delivered], fault);
        }
    }
}
