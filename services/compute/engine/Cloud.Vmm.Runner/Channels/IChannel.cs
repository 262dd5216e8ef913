namespace Cloud.Vmm.Runner.Channels;

/// <summary>Bytes between the guest and the host: a chardev, in QEMU's word.</summary>
internal interface IChannel : IDisposable
{
    /// <summary>Offered bytes that came from the host; returns how many were taken. Set before <see cref="Start"/>.</summary>
    ChannelInput? Input { get; set; }

    /// <summary>Told when somebody at the host's end comes or goes; set before <see cref="Start"/>.</summary>
    Action<bool>? OpenChanged { get; set; }

    /// <summary>Whether the host's end is there from the start and for ever.</summary>
    bool AlwaysOpen { get; }

    void Start();

    /// <summary>Sends bytes of the guest to the host; never blocks for long.</summary>
    void Write(ReadOnlySpan<byte> bytes);

    /// <summary>More input may be offered.</summary>
    void RoomMade();
}

/// <summary>Takes what it can of the bytes, and returns how many those were.</summary>
internal delegate int ChannelInput(ReadOnlySpan<byte> bytes);
