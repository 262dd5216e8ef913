namespace Cloud.Messaging;

/// <summary>A message that reached a service: waiting to be handled, handled, or dead.</summary>
internal sealed class InboxMessage
{
    /// <summary>The order of arrival, which is the order of handling within an order key.</summary>
    public long Position { get; private init; }

    public required string MessageId { get; init; }

    public required string Name { get; init; }

    public required string OrderKey { get; init; }

    /// <summary>Empty once handled.</summary>
    public required string Body { get; set; }

    /// <summary>When it was published.</summary>
    public required DateTimeOffset At { get; init; }

    public string? TraceParent { get; init; }

    public InboxState State { get; set; } = InboxState.Waiting;

    /// <summary>Tries that failed.</summary>
    public int Attempts { get; set; }

    /// <summary>No further try before this time.</summary>
    public DateTimeOffset NotBefore { get; set; }

    /// <summary>Why the last try failed.</summary>
    public string? Error { get; set; }

    /// <summary>When it was handled, or died.</summary>
    public DateTimeOffset? EndedAt { get; set; }
}

/// <summary>Stored as numbers: no renumbering.</summary>
internal enum InboxState
{
    Waiting = 1,
    Handled = 2,
    Dead = 3,
}
