using System.ComponentModel.DataAnnotations;

namespace Cloud.Gateway;

/// <summary>
/// The settings of the gateway: <c>Cloud:Gateway</c>. The limits keep one runaway program from the others; people never meet them.
/// </summary>
public sealed class GatewayOptions
{
    /// <summary>Calls a second of one token; twice as many at once.</summary>
    [Range(1, 1_000_000)]
    public int CallsPerSecond { get; set; } = 100_000;

    /// <summary>Calls a second of one token that change something; five times as many at once.</summary>
    [Range(1, 1_000_000)]
    public int ChangesPerSecond { get; set; } = 1_000;

    /// <summary>
    /// Calls a second without a valid token from one address; ten times as many at once. The page at /swagger takes a dozen.
    /// </summary>
    [Range(1, 1_000_000)]
    public int AnonymousCallsPerSecond { get; set; } = 100;

    /// <summary>Event streams of one token at once.</summary>
    [Range(1, 10_000)]
    public int StreamsPerToken { get; set; } = 100;

    /// <summary>The newest events are kept for <c>Last-Event-ID</c>, so many of them…</summary>
    [Range(1, 100_000_000)]
    public int EventsKept { get; set; } = 200_000;

    /// <summary>…and for so long.</summary>
    public TimeSpan EventsKeptFor { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How often a silent stream says that it is alive.</summary>
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(15);
}
