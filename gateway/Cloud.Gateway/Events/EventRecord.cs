namespace Cloud.Gateway.Events;

/// <summary>An event as it is streamed, in its place among all events of the cloud.</summary>
internal sealed class EventRecord
{
    /// <summary>1, 2, 3… in the order of the commits, with no gap: what <c>Last-Event-ID</c> counts by.</summary>
    public long Position { get; init; }

    /// <summary>The event's own id: one that arrives twice is one event.</summary>
    public string EventId { get; init; } = "";

    public string Type { get; init; } = "";

    /// <summary>The project that may see it; empty for the whole cloud's.</summary>
    public string Project { get; init; } = "";

    public string Resource { get; init; } = "";

    public DateTimeOffset At { get; init; }

    /// <summary>The resource as it was, in JSON.</summary>
    public string Data { get; init; } = "";

    public string? Actor { get; init; }

    public string? TraceId { get; init; }
}
