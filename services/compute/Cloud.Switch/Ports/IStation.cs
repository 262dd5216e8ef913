namespace Cloud.Switch.Ports;

/// <summary>A guest as the others of its network know it, on this host or another.</summary>
internal interface IStation
{
    ulong Mac { get; }

    /// <summary>In the host's byte order.</summary>
    uint Address { get; }

    /// <summary>The host name as DNS compares it.</summary>
    string Name { get; }

    /// <summary>Sends it a frame, or drops it where it has no room.</summary>
    void Deliver(ReadOnlySpan<byte> frame, long now);
}
