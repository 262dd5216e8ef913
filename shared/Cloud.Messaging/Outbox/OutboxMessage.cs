using System.ComponentModel.DataAnnotations.Schema;

namespace Cloud.Messaging;

/// <summary>A message that was saved with the data it speaks of and waits for the relay.</summary>
internal sealed class OutboxMessage
{
    /// <summary>The order of publishing within an order key.</summary>
    public long Position { get; private init; }

    public required string MessageId { get; init; }

    public required string Name { get; init; }

    public required string OrderKey { get; init; }

    public required string Body { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>W3C <c>traceparent</c> of the work that published it.</summary>
    public string? TraceParent { get; init; }

    /// <summary>The resource whose waiters are woken after the commit; null for messages that are no resource's event.</summary>
    [NotMapped]
    public string? Resource { get; init; }
}
