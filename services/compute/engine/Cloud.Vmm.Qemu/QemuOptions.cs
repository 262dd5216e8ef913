namespace Cloud.Vmm.Qemu;

/// <summary>Settings of the QEMU driver.</summary>
public sealed record QemuOptions
{
    /// <summary>Where the driver remembers what is of this host and no machine's: the answers of its probes.</summary>
    public required string StateFolder { get; init; }

    /// <summary>The program <c>cloud-vmm</c>, which simulates machines.</summary>
    public string SimulatorProgram { get; init; } = Path.Combine(AppContext.BaseDirectory, "cloud-vmm");

    /// <summary>
    /// As root: the first of the user ids that machines' processes run as, one each. Without root all run as the present user.
    /// </summary>
    public int GuestUidFirst { get; init; } = 1_000_000_000;

    /// <summary>How many user ids there are from <see cref="GuestUidFirst"/> on.</summary>
    public int GuestUidCount { get; init; } = 100_000;

    /// <summary>
    /// As root: where a lock per user id tells all clouds of this host which ids are in use.
    /// </summary>
    public string UidLockFolder { get; init; } = "/run/cloud/uids";

    /// <summary>The cgroup mounts of this host.</summary>
    public string CgroupFolder { get; init; } = "/sys/fs/cgroup";

    /// <summary>How long a process may take from its start to its first answer.</summary>
    public TimeSpan StartLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How much of a console's log is kept; what is older makes room.</summary>
    public long ConsoleLogBytesMax { get; init; } = 8 << 20;

    /// <summary>How much of a boot report or a process's log is kept.</summary>
    public long ReportBytesMax { get; init; } = 256 << 10;

    /// <summary>How often logs are looked at whether they outgrew their bound.</summary>
    public TimeSpan LogCheckInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a guest of hardware virtualization may take to prove that it runs.</summary>
    public TimeSpan ProbeLimit { get; init; } = TimeSpan.FromSeconds(5);
}
