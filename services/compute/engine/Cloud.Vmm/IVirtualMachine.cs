namespace Cloud.Vmm;

/// <summary>
/// A running machine. Safe to call from several threads; calls on one machine are put in order. Disposing lets go of it and stops nothing.
/// </summary>
public interface IVirtualMachine : IAsyncDisposable
{
    string Id { get; }

    /// <summary>The process that holds the guest.</summary>
    int ProcessId { get; }

    VmState State { get; }

    /// <summary>Ends when the machine does, however it ends, within a second of its end.</summary>
    Task<VmExit> Exited { get; }

    /// <summary>The guest agent's channel: QEMU's guest agent protocol on the virtio-serial port org.qemu.guest_agent.0.</summary>
    IGuestAgent Agent { get; }

    /// <summary>Asks the guest to power off (ACPI, or the board's own way). <see cref="Exited"/> tells when it has.</summary>
    Task PowerDownAsync(CancellationToken ct);

    /// <summary>Ends the machine at once; when the task ends no process of it is left.</summary>
    Task KillAsync(CancellationToken ct);

    /// <summary>Resets the machine as its reset button would.</summary>
    Task ResetAsync(CancellationToken ct);

    Task PauseAsync(CancellationToken ct);

    Task ResumeAsync(CancellationToken ct);

    /// <summary>CPU time, memory and device counters of the real process.</summary>
    Task<VmMetrics> ReadMetricsAsync(CancellationToken ct);

    /// <summary>
    /// Connects to the guest's serial console: bytes both ways. The console's log is written whether or not anybody is connected.
    /// </summary>
    Task<Stream> OpenConsoleAsync(CancellationToken ct);
}

/// <summary>How a machine ended.</summary>
/// <param name="Kind">What ended it.</param>
/// <param name="Reason">One line for the user: what is known of the end.</param>
public sealed record VmExit(VmExitKind Kind, string Reason);

/// <summary>Who or what ended a machine.</summary>
public enum VmExitKind
{
    /// <summary>The guest powered itself off.</summary>
    GuestShutdown = 1,

    /// <summary>The driver was asked to end it.</summary>
    Killed = 2,

    /// <summary>The process ended by itself: a signal, an error, a panic of the guest.</summary>
    Failed = 3,
}

/// <summary>Counters since the machine's start.</summary>
public sealed record VmMetrics
{
    public required TimeSpan CpuTime { get; init; }

    /// <summary>Resident memory of the process, in bytes.</summary>
    public required long ResidentBytes { get; init; }

    public required TimeSpan Uptime { get; init; }

    public required IReadOnlyList<VmDiskMetrics> Disks { get; init; }
}

/// <summary>Counters of one disk, by its serial.</summary>
public sealed record VmDiskMetrics(string Serial, long ReadBytes, long ReadOperations, long WrittenBytes, long WriteOperations);
