namespace Cloud.Switch.Client;

/// <summary>What went through a port since the switch started. Sent and received are the guest's view.</summary>
public sealed record PortStatistics
{
    public required string Id { get; init; }

    public required long SentBytes { get; init; }

    public required long SentPackets { get; init; }

    public required long ReceivedBytes { get; init; }

    public required long ReceivedPackets { get; init; }

    /// <summary>Frames of the guest that were malformed, spoofed, or for where a guest may not go.</summary>
    public required long RefusedPackets { get; init; }

    /// <summary>Frames for the guest that found its queue full.</summary>
    public required long DroppedPackets { get; init; }

    /// <summary>Sockets that the guest's connections to the outside hold on the host.</summary>
    public required int OpenSockets { get; init; }

    /// <summary>The guest's end of the pair of sockets is there.</summary>
    public required bool Connected { get; init; }
}
