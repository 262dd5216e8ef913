using System.Net.Sockets;

namespace Cloud.Vmm;

/// <summary>How a machine goes to where another awaits it (<see cref="IVmArrival"/>), its guest running.</summary>
public sealed record VmMove
{
    /// <summary>The way that memory and devices take.</summary>
    public const string Memory = "memory";

    /// <summary>With a disk's serial, the way that what the disk's own file holds takes.</summary>
    public const string Disk = "disk-";

    /// <summary>Opens a way, by its name; the socket is the machine's from then on.</summary>
    public required Func<string, CancellationToken, Task<Socket>> ConnectAsync { get; init; }

    /// <summary>
    /// Called when the guest stands still here, while the last of it goes: what more is to be there before it runs. A
    /// <see cref="VmException"/> says that it could not be done.
    /// </summary>
    public Func<Task> SendLastAsync { get; init; } = () => Task.CompletedTask;

    /// <summary>
    /// Called once all of it is over there: has it run there. Answers when it does, and for how long it has by then; a
    /// <see cref="VmException"/> says that it does not and never will, anything else that nobody knows.
    /// </summary>
    public required Func<Task<TimeSpan>> HandOverAsync { get; init; }

    /// <summary>The serials of the disks whose own files go with it; null for all. The others are over there already.</summary>
    public IReadOnlyCollection<string>? Disks { get; init; }

    public required VmMovePolicy Policy { get; init; }

    /// <summary>How long a guest that changes memory faster than it is copied may go on so, before the policy decides.</summary>
    public required TimeSpan RunLimit { get; init; }

    /// <summary>The machine that awaits it can run before it has all memory.</summary>
    public bool TakesMemoryLate { get; init; }

    /// <summary>Told of every step, often.</summary>
    public Action<VmMoveProgress> Progress { get; init; } = _ => { };
}

/// <summary>What becomes of a guest that changes memory faster than it is copied, though its processors were slowed down.</summary>
public enum VmMovePolicy
{
    /// <summary>It stays where it is.</summary>
    GiveUp = 1,

    /// <summary>
    /// It runs over there before all of its memory is there, and fetches what it lacks; where that cannot be, it is stopped.
    /// </summary>
    PostCopy = 2,

    /// <summary>It is stopped for the rest.</summary>
    Stop = 3,
}

/// <summary>How far a move is.</summary>
/// <param name="Phase">What is under way.</param>
public sealed record VmMoveProgress(VmMovePhase Phase)
{
    /// <summary>Of the disks, in bytes: copied, and to copy in all.</summary>
    public long DiskBytes { get; init; }

    public long DiskBytesTotal { get; init; }

    /// <summary>Of memory and devices, in bytes: sent so far, what came to be sent again counted again.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Memory still to be sent, in bytes.</summary>
    public long RemainingBytes { get; init; }

    /// <summary>How often memory was gone through.</summary>
    public int Rounds { get; init; }

    /// <summary>How much memory the guest changes, in bytes a second.</summary>
    public long DirtyBytesPerSecond { get; init; }

    /// <summary>How long the guest would stand still for the rest.</summary>
    public TimeSpan ExpectedDowntime { get; init; }

    /// <summary>By how much its processors are slowed down, in percent.</summary>
    public int SlowedPercent { get; init; }
}

/// <summary>A step of a move.</summary>
public enum VmMovePhase
{
    /// <summary>What the disks hold is copied; what is written meanwhile is written on both sides.</summary>
    Disks = 1,

    /// <summary>Memory is copied, and again what changed.</summary>
    Memory = 2,

    /// <summary>The guest stands still for the rest.</summary>
    Switchover = 3,

    /// <summary>It runs over there, and the rest of its memory follows.</summary>
    PostCopy = 4,

    Done = 5,
}

/// <summary>How a move went.</summary>
/// <param name="Total">From its begin to its end.</param>
/// <param name="Downtime">How long the guest stood still.</param>
/// <param name="Last">What was told last.</param>
public sealed record VmMoveResult(TimeSpan Total, TimeSpan Downtime, VmMoveProgress Last);

/// <summary>
/// A machine that awaits another's guest. Its process runs and nothing of a guest does; disposing ends it, unless it was let run.
/// </summary>
public interface IVmArrival : IAsyncDisposable
{
    /// <summary>It can run before it has all memory; found by asking its process, which needs a right of the host for it.</summary>
    bool TakesMemoryLate { get; }

    /// <summary>Takes in what comes by a way of <see cref="VmMove"/>; a disk's ends with the way.</summary>
    Task AcceptAsync(string way, Socket socket, CancellationToken ct);

    /// <summary>Ends when all that it needs to run is there.</summary>
    /// <exception cref="VmException">What came does not fit; the process has ended.</exception>
    Task ReadyAsync(CancellationToken ct);

    /// <summary>When it was let run, a timestamp of the driver's clock.</summary>
    long RunsSince { get; }

    /// <summary>Lets the guest run. From here on it is a machine like any other.</summary>
    Task<IVirtualMachine> RunAsync(CancellationToken ct);
}

/// <summary>Nobody knows whether a guest runs over there: it stands still here until somebody does.</summary>
public sealed class VmUnsettledException(string message, Exception inner) : Exception(message, inner);
