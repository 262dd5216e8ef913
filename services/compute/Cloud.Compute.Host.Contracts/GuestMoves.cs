namespace Cloud.Compute.Host.Contracts;

/// <summary>What a host needs to know of a guest of another to await it.</summary>
public sealed record GuestDeparture
{
    public required GuestSpec Spec { get; init; }

    /// <summary>It does not run: all of its files go as they are.</summary>
    public bool AtRest { get; init; }

    /// <summary>It is suspended: it goes on over there from what it was.</summary>
    public bool Suspended { get; init; }

    /// <summary>How its latest run ended; null while it runs, or where it never did.</summary>
    public GuestExit? Exit { get; init; }

    /// <summary>The root disk's size as the guest sees it; 0 of a container, which has none.</summary>
    public required long RootBytes { get; init; }

    /// <summary>The files below the root disk's own and above the image's, nearest first; they are written no more.</summary>
    public required IReadOnlyList<string> Layers { get; init; }

    /// <summary>These hold all of the root disk: the image's is not below them.</summary>
    public bool Whole { get; init; }

    /// <summary>Where its devices sit on their bus, by their ids.</summary>
    public required IReadOnlyDictionary<string, string> Slots { get; init; }

    /// <summary>When its latest run began; null where it never ran.</summary>
    public required DateTimeOffset? StartedAt { get; init; }
}

/// <summary>
/// Where a guest is awaited. Whoever knows the secret can be that guest: it is of one arrival, and neither kept nor logged.
/// </summary>
/// <param name="Host">The name of the host.</param>
/// <param name="SocketPath">Where it listens: a Unix socket, which hosts of one machine reach in whatever network they are.</param>
/// <param name="Layers">As <see cref="GuestDeparture.Layers"/> said them.</param>
/// <param name="MissingLayers">Those of them that it does not have.</param>
public sealed record GuestArrival(
    string Host, string SocketPath, string Secret, IReadOnlyList<string> Layers, IReadOnlyList<string> MissingLayers)
{
    /// <summary>Tells nothing of the secret.</summary>
    public override string ToString() => $"{Host} {SocketPath}";
}

/// <summary>How a guest goes to where it is awaited.</summary>
/// <param name="Policy">
/// What becomes of one that changes memory faster than it is copied: <c>give-up</c>, <c>post-copy</c> or <c>stop</c>.
/// </param>
/// <param name="RunLimitSeconds">How long it may go on so before that.</param>
public sealed record GuestMove(GuestArrival To, string Policy, double RunLimitSeconds);

/// <summary>How far a guest's move is, or how it ended.</summary>
public sealed record GuestMoveReport
{
    /// <summary><c>layers</c>, <c>disks</c>, <c>memory</c>, <c>switchover</c>, <c>post-copy</c> or <c>done</c>.</summary>
    public required string Phase { get; init; }

    /// <summary>It has not ended.</summary>
    public bool UnderWay { get; init; }

    public long DiskBytes { get; init; }

    public long DiskBytesTotal { get; init; }

    /// <summary>Sent of memory, what came to be sent again counted again.</summary>
    public long MemoryBytes { get; init; }

    public long RemainingBytes { get; init; }

    /// <summary>How often memory was gone through.</summary>
    public int Rounds { get; init; }

    public long DirtyBytesPerSecond { get; init; }

    /// <summary>How long the guest would stand still for the rest.</summary>
    public double ExpectedDowntimeSeconds { get; init; }

    /// <summary>By how much its processors are slowed down.</summary>
    public int SlowedPercent { get; init; }

    /// <summary>From its begin to its end; null while it is under way.</summary>
    public double? TotalSeconds { get; init; }

    /// <summary>How long the guest stood still; null while it is under way.</summary>
    public double? DowntimeSeconds { get; init; }
}

/// <summary>Another host of the cloud, as a host's network joins its.</summary>
/// <param name="SwitchFolder">The whole path of its switch's folder.</param>
public sealed record HostPeer(string Name, string SwitchFolder);
