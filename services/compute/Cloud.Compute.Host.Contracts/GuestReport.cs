namespace Cloud.Compute.Host.Contracts;

/// <summary>What a host sees of a guest now.</summary>
public sealed record GuestReport
{
    public required string Id { get; init; }

    /// <summary>Grows with every change on this host, over its agent's restarts too; older reports are ignored.</summary>
    public required long Generation { get; init; }

    public required GuestState State { get; init; }

    /// <summary>How the last run ended, where this agent saw it.</summary>
    public GuestExit? Exit { get; init; }

    /// <summary>The phases of the latest boot, in order.</summary>
    public IReadOnlyList<GuestBootPhase> Boot { get; init; } = [];

    /// <summary>The boot reached its end.</summary>
    public bool BootEnded { get; init; }

    /// <summary>What user data exited with; null where there is none or it has not ended.</summary>
    public int? UserDataExitCode { get; init; }

    /// <summary>It went to another host: this is what it left.</summary>
    public bool Away { get; init; }

    /// <summary>It is paused because its host's disk is full, and goes on by itself when there is room again.</summary>
    public bool DiskFull { get; init; }

    /// <summary>When the guest's process was started.</summary>
    public DateTimeOffset? StartedAt { get; init; }
}

/// <summary>What a guest does now.</summary>
public enum GuestState
{
    /// <summary>Its folder and disks are there; it does not run.</summary>
    Stopped = 1,
    Running = 2,
    Paused = 3,

    /// <summary>It does not run; what it was is kept, and it goes on from there.</summary>
    Suspended = 4,
}

/// <summary>How a run ended.</summary>
/// <param name="Kind">What ended it.</param>
/// <param name="Reason">One line for the user.</param>
public sealed record GuestExit(GuestExitKind Kind, string Reason);

/// <summary>Who or what ended a run.</summary>
public enum GuestExitKind
{
    /// <summary>The guest powered itself off.</summary>
    GuestShutdown = 1,

    /// <summary>The host was asked to end it.</summary>
    Killed = 2,

    /// <summary>It ended by itself: a signal, an error, a panic.</summary>
    Failed = 3,

    /// <summary>The host was stopped or rebooted under it: it is to run again.</summary>
    HostStopped = 4,
}

/// <summary>One phase of a boot as the guest reported it.</summary>
/// <param name="Phase"><c>firmware</c>, <c>kernel</c>, <c>network</c>, <c>user-data</c>, <c>ready</c>.</param>
/// <param name="UptimeSeconds">The guest's own clock since its kernel started.</param>
/// <param name="ExitCode">For user data.</param>
/// <param name="Error">What went wrong in it.</param>
public sealed record GuestBootPhase(string Phase, double? UptimeSeconds, int? ExitCode, string? Error);

/// <summary>Counters of the guest's real process.</summary>
public sealed record GuestMetrics
{
    public required double CpuSeconds { get; init; }

    public required long ResidentBytes { get; init; }

    public required double UptimeSeconds { get; init; }

    public required IReadOnlyList<GuestDiskMetrics> Disks { get; init; }
}

/// <summary>What a guest read from and wrote to one disk since its process started.</summary>
/// <param name="Serial">The disk, by the serial number that the guest sees.</param>
public sealed record GuestDiskMetrics(string Serial, long ReadBytes, long ReadOperations, long WrittenBytes, long WriteOperations)
{
    public long FlushOperations { get; init; }

    /// <summary>How long all reads took, together; divided by their number, the latency.</summary>
    public double ReadSeconds { get; init; }

    public double WriteSeconds { get; init; }

    public double FlushSeconds { get; init; }
}

/// <summary>What took a guest's processors out of the guest's own code since its process started.</summary>
/// <param name="Counter">
/// Who counted: <c>kvm</c>; <c>tcg</c>, which leaves translated code where hardware would exit; or <c>simulator</c>.
/// </param>
/// <param name="Reasons">How often, by reason, in the counter's own words.</param>
public sealed record GuestExits(string Counter, IReadOnlyDictionary<string, long> Reasons);

/// <summary>What a command in a guest answered.</summary>
public sealed record GuestExec(int ExitCode, byte[] StandardOutput, byte[] StandardError);
