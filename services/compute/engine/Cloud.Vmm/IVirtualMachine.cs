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

    /// <summary>It is paused because its host's disk is full, and goes on by itself when there is room again.</summary>
    bool IsDiskFull { get; }

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

    /// <summary>Changes how many processors' worth of time and how much memory the running machine may take.</summary>
    /// <exception cref="VmException">Its board is of a fixed size while it runs, or it has more in use.</exception>
    Task ResizeAsync(int vcpus, long memoryBytes, CancellationToken ct);

    /// <summary>Plugs a disk into the running machine; one of this serial that it has already is left as it is.</summary>
    /// <exception cref="VmException">The machine's board takes no disk while it runs, or the disk is none.</exception>
    Task PlugDiskAsync(VmDisk disk, CancellationToken ct);

    /// <summary>Asks the guest to let go of a disk, and takes it away; one that the machine does not have is away already.</summary>
    /// <param name="serial">The disk.</param>
    /// <param name="limit">How long the guest may take.</param>
    /// <param name="force">
    /// Afterwards the machine is reset, where its board takes the disk away then from a guest that does not let go.
    /// </param>
    /// <returns>False where the guest still has it.</returns>
    Task<bool> UnplugDiskAsync(string serial, TimeSpan limit, bool force, CancellationToken ct);

    /// <summary>Grows a disk under the running guest, which sees the new size.</summary>
    Task GrowDiskAsync(string serial, long sizeBytes, CancellationToken ct);

    /// <summary>
    /// Puts a new, empty file on top of each disk named, all at one instant: what was written until then stays below, and is written no
    /// more.
    /// </summary>
    /// <param name="overlays">The new files by the disks' serials; qcow2.</param>
    Task LayDisksOverAsync(IReadOnlyDictionary<string, VmDiskLayer> overlays, CancellationToken ct);

    /// <summary>Whether a file is one of those that the running machine's disk is made of.</summary>
    Task<bool> HasDiskLayerAsync(string serial, string path, CancellationToken ct);

    /// <summary>
    /// Has a running machine read one file instead of several that lie one over the other below the one it writes. The guest does not
    /// notice.
    /// </summary>
    /// <param name="serial">The disk.</param>
    /// <param name="layers">The files' paths, nearest first.</param>
    /// <param name="merged">A qcow2 file that has what they have.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>False where the disk is not made of these files.</returns>
    Task<bool> ReplaceDiskLayersAsync(string serial, IReadOnlyList<string> layers, VmDiskLayer merged, CancellationToken ct);

    /// <summary>Whether what it is can be kept (<see cref="SaveAsync"/>).</summary>
    bool KeepsStates { get; }

    /// <summary>
    /// Writes memory and devices to a new file and lays an empty file over each disk named, all at one instant. The guest runs while most
    /// of it is written, and stands still for the rest.
    /// </summary>
    /// <param name="path">The file to make; not synced.</param>
    /// <param name="overlays">As for <see cref="LayDisksOverAsync"/>.</param>
    /// <param name="goOn">Whether the guest runs on; else it stays paused, and its disks are as they were at that instant.</param>
    /// <param name="ct">Heeded until the saving begins; then it ends by itself, well or undone.</param>
    /// <exception cref="VmException">The machine's engine keeps no states, or the file could not be written.</exception>
    Task<VmSavedState> SaveAsync(string path, IReadOnlyDictionary<string, VmDiskLayer> overlays, bool goOn, CancellationToken ct);

    /// <summary>Whether it can go to another host while its guest runs (<see cref="MoveAsync"/>).</summary>
    bool Moves { get; }

    /// <summary>It was handed over to another host, and what became of that is not known here.</summary>
    bool IsLeaving { get; }

    /// <summary>Where its devices sit on their bus, by their ids, for the machine that is to await it.</summary>
    Task<IReadOnlyDictionary<string, string>> ReadSlotsAsync(CancellationToken ct);

    /// <summary>Has its guest go on in the machine that awaits it. When this ends well, this machine has ended.</summary>
    /// <param name="move">Where to, and how.</param>
    /// <param name="ct">Heeded until it is handed over; the guest goes on here.</param>
    /// <exception cref="VmException">It did not come about, and the guest goes on here.</exception>
    /// <exception cref="VmUnsettledException">
    /// Nobody knows; it stands still (<see cref="IsLeaving"/>) until <see cref="StayAsync"/> or <see cref="KillAsync"/>.
    /// </exception>
    Task<VmMoveResult> MoveAsync(VmMove move, CancellationToken ct);

    /// <summary>It does not run over there and never will: the guest goes on here.</summary>
    Task StayAsync(CancellationToken ct);

    /// <summary>CPU time, memory and device counters of the real process.</summary>
    Task<VmMetrics> ReadMetricsAsync(CancellationToken ct);

    /// <summary>What took the processors out of the guest's code, from the engine's own counters.</summary>
    /// <exception cref="VmException">The machine's engine counts none.</exception>
    Task<VmExits> ReadExitsAsync(CancellationToken ct);

    /// <summary>What its processors are at this moment, for which they stand still.</summary>
    /// <param name="address">A virtual address whose translation by each is wanted; null for none.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="VmException">The machine's engine does not show them.</exception>
    Task<IReadOnlyList<VmHart>> ReadHartsAsync(ulong? address, CancellationToken ct);

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
public sealed record VmDiskMetrics(string Serial, long ReadBytes, long ReadOperations, long WrittenBytes, long WriteOperations)
{
    public long FlushOperations { get; init; }

    /// <summary>How long all reads took, together.</summary>
    public TimeSpan ReadTime { get; init; }

    public TimeSpan WriteTime { get; init; }

    public TimeSpan FlushTime { get; init; }
}
