namespace Cloud.Messaging;

/// <summary>Carries messages from an outbox to the inboxes of those who subscribed.</summary>
internal interface IMessageBus
{
    /// <summary>
    /// Delivers messages in the order given within each order key. Returns the positions of those that are safe: what they were handed to
    /// has them on disk. Never throws for a bus that does not answer; then <see cref="Delivery.Fault"/> says why the rest is not delivered.
    /// </summary>
    Task<Delivery> DeliverAsync(string source, IReadOnlyList<OutboxMessage> messages, CancellationToken ct);
}

internal sealed record Delivery(IReadOnlyList<long> Delivered, Exception? Fault);
