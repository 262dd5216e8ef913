using Cloud.Vmm.Qemu;
using Cloud.Vmm.Qemu.Console;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Extensions.Logging;

namespace Cloud.Vmm.Oci;

/// <summary>A container whose shim runs. The shim's end is the container's; how that came about stands in a file that it leaves.</summary>
internal sealed partial class ContainerMachine : IVirtualMachine
{
    private const int SignalRestart = 10;
    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(10);

    /// <summary>Why none goes to another host.</summary>
    public const string StaysWhileItRuns = "A container does not go to another host: its kernel is its host's.";

    private readonly string _folder;
    private readonly MachineState _state;
    private readonly ProcessHandle _process;
    private readonly Task<ProcessExit> _processExit;
    private readonly OciParts _parts;
    private readonly ConsoleHub _console;
    private readonly ContainerAgent _agent;
    private readonly ContainerVolumes _volumes;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly TaskCompletionSource<VmExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile VmState _observed = VmState.Running;
    private volatile bool _killed;
    private Task? _following;

    public ContainerMachine(string folder, MachineState state, ProcessHandle process, Task<ProcessExit> processExit, OciParts parts)
    {
        _folder = folder;
        _state = state;
        _process = process;
        _processExit = processExit;
        _parts = parts;
        _console = new ConsoleHub(folder);
        _volumes = new ContainerVolumes(folder, state.Volumes, parts.Time);
        _agent = new ContainerAgent(this, _volumes, parts);
        _log = parts.Loggers.CreateLogger<ContainerMachine>();
    }

    public string Id => _state.Id;

    public string Folder => _folder;

    public int ProcessId => _state.ProcessId;

    public VmState State => _exited.Task.IsCompleted ? VmState.Stopped : _observed;

    public Task<VmExit> Exited => _exited.Task;

    public IGuestAgent Agent => _agent;

    /// <summary>Takes in what state an adopted container is in, and follows it.</summary>
    public async Task LookAsync(CancellationToken ct)
    {
        _observed = await IsHeldAsync(ct) ? VmState.Paused : VmState.Running;
        Follow();
    }

    /// <summary>From here on the machine follows its process.</summary>
    public void Follow()
    {
        _parts.Logs.Add(_folder);
        _following = FollowAsync();
    }

    public Task PowerDownAsync(CancellationToken ct) => WhileItRunsAsync(
        () => _parts.Runtime.SignalAsync(_folder, Id, StopSignal.Read(_folder), ct), ct);

    public Task ResetAsync(CancellationToken ct) => WhileItRunsAsync(
        async () =>
        {
            if (_observed == VmState.Paused)
            {
                await LetGoOnAsync(ct);
                _observed = VmState.Running;
            }

            _process.Signal(SignalRestart);
        },
        ct);

    public Task PauseAsync(CancellationToken ct) => WhileItRunsAsync(
        async () =>
        {
            if (_observed != VmState.Paused)
            {
                await HoldAsync(ct);
                _observed = VmState.Paused;
            }
        },
        ct);

    public Task ResumeAsync(CancellationToken ct) => WhileItRunsAsync(
        async () =>
        {
            if (_observed != VmState.Running)
            {
                await LetGoOnAsync(ct);
                _observed = VmState.Running;
            }
        },
        ct);

    public async Task KillAsync(CancellationToken ct)
    {
        if (_exited.Task.IsCompleted)
        {
            return;
        }

        _killed = true;
        try
        {
            await _parts.Runtime.SignalAsync(_folder, Id, LibC.SignalKill, ct);
            await _exited.Task.WaitAsync(KillLimit, _parts.Time, ct);
        }
        catch (Exception unheeded) when (unheeded is TimeoutException or VmException)
        {
            _process.Signal(LibC.SignalKill);
            await _exited.Task.WaitAsync(ct);
        }
    }

    public Task ResizeAsync(int vcpus, long memoryBytes, CancellationToken ct) => WhileItRunsAsync(
        async () =>
        {
            var limits = new ContainerLimits(memoryBytes, vcpus);
            if (ContainerCgroups.AreThere)
            {
                await _parts.Runtime.UpdateAsync(_folder, Id, limits, ct);
            }

            Bundle.Change(_folder, limits);
        },
        ct);

    public Task PlugDiskAsync(VmDisk disk, CancellationToken ct) =>
        throw new VmException("A container's volumes come and go while it is stopped: stop it first.");

    public Task<bool> UnplugDiskAsync(string serial, TimeSpan limit, bool force, CancellationToken ct) =>
        throw new VmException("A container's volumes come and go while it is stopped: stop it first.");

    public Task GrowDiskAsync(string serial, long sizeBytes, CancellationToken ct) =>
        WhileItRunsAsync(() => _volumes.GrowAsync(serial, sizeBytes, ct), ct);

    public Task LayDisksOverAsync(IReadOnlyDictionary<string, VmDiskLayer> overlays, CancellationToken ct) =>
        WhileItRunsAsync(() => _volumes.LayOverAsync(overlays, ct), ct);

    public bool KeepsStates => false;

    public bool IsDiskFull => false;

    public Task<VmSavedState> SaveAsync(
        string path, IReadOnlyDictionary<string, VmDiskLayer> overlays, bool goOn, CancellationToken ct) =>
        throw new VmException("What a container is cannot be kept.");

    public bool Moves => false;

    public bool IsLeaving => false;

    public Task<IReadOnlyDictionary<string, string>> ReadSlotsAsync(CancellationToken ct) => throw new VmException(StaysWhileItRuns);

    public Task<VmMoveResult> MoveAsync(VmMove move, CancellationToken ct) => throw new VmException(StaysWhileItRuns);

    public Task StayAsync(CancellationToken ct) => Task.CompletedTask;

    public Task<VmExits> ReadExitsAsync(CancellationToken ct) =>
        throw new VmException("A container runs on its host's kernel: nothing is left for it, and nothing counted.");

    public Task<IReadOnlyList<VmHart>> ReadHartsAsync(ulong? address, CancellationToken ct) =>
        throw new VmException("A container has no processors of its own.");

    public Task<bool> HasDiskLayerAsync(string serial, string path, CancellationToken ct) => _volumes.HasLayerAsync(serial, path, ct);

    public Task<bool> ReplaceDiskLayersAsync(string serial, IReadOnlyList<string> layers, VmDiskLayer merged, CancellationToken ct) =>
        _volumes.ReplaceLayersAsync(serial, layers, merged, ct);

    public Task<VmMetrics> ReadMetricsAsync(CancellationToken ct)
    {
        if (State == VmState.Stopped || ProcessStat.Read(ProcessId) is not { } shim || shim.StartTicks != _state.StartTicks)
        {
            throw new VmException("The machine has ended.");
        }

        return Task.FromResult(new VmMetrics
        {
            CpuTime = ContainerCgroups.ReadCpuTime(_state.Cgroups) ?? shim.CpuTimeOfAll + ContainerProcesses.ReadCpuTime(_folder),
            ResidentBytes = ContainerCgroups.ReadMemoryBytes(_state.Cgroups)
                ?? shim.ResidentBytes + ContainerProcesses.ReadMemoryBytes(_folder),
            Uptime = shim.ReadAge(),
            Disks = [],
        });
    }

    public Task<Stream> OpenConsoleAsync(CancellationToken ct) => _console.OpenAsync(ct);

    public async ValueTask DisposeAsync()
    {
        _parts.Logs.Remove(_folder);
        await _console.DisposeAsync();
        _released.TrySetResult();
        if (_following is { } following)
        {
            await following;
        }

        if (!_exited.Task.IsCompleted)
        {
            _parts.Exits.Release(_process);
        }

        _volumes.Dispose();
        _one.Dispose();
    }

    /// <summary>By the kernel's freezer; without a cgroup by signals.</summary>
    private Task HoldAsync(CancellationToken ct) =>
        ContainerCgroups.AreThere ? _parts.Runtime.PauseAsync(_folder, Id, ct) : Task.Run(() => ContainerProcesses.Stop(_folder), ct);

    private Task LetGoOnAsync(CancellationToken ct) =>
        ContainerCgroups.AreThere ? _parts.Runtime.ResumeAsync(_folder, Id, ct) : Task.Run(() => ContainerProcesses.Continue(_folder), ct);

    /// <summary>An agent that died while it held the container back may have left some processes running.</summary>
    private async Task<bool> IsHeldAsync(CancellationToken ct)
    {
        if (ContainerCgroups.AreThere)
        {
            return await _parts.Runtime.IsPausedAsync(_folder, Id, ct);
        }

        if (!ContainerProcesses.AreStopped(_folder))
        {
            return false;
        }

        await HoldAsync(ct);
        return true;
    }

    private async Task WhileItRunsAsync(Func<Task> act, CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            if (State == VmState.Stopped)
            {
                throw new VmException("The machine has ended.");
            }

            await act();
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task FollowAsync()
    {
        if (await Task.WhenAny(_processExit, _released.Task) != _processExit)
        {
            return;
        }

        var exit = await DescribeAsync(await _processExit);
        _parts.Logs.Remove(_folder);
        ContainerFolder.Clean(_folder);
        _process.Dispose();
        LogEnded(_log, Id, exit.Kind, exit.Reason);
        _exited.TrySetResult(exit);
    }

    private async Task<VmExit> DescribeAsync(ProcessExit shim)
    {
        var path = Path.Combine(_folder, ContainerFolder.Exit);
        if (!File.Exists(path))
        {
            // The shim did not see to its end: what it held goes now.
            await _parts.Runtime.DeleteAsync(_folder, Id, CancellationToken.None);
            var how = shim.Signal is { } signal ? $"by signal {signal}" : $"with code {shim.Code}";
            return _killed ? Killed : new VmExit(VmExitKind.Failed, $"Its shim ended {how}.");
        }

        if (_killed)
        {
            return Killed;
        }

        return (await File.ReadAllTextAsync(path)).Split(' ', '\n') switch
        {
            ["code", "0", ..] => new VmExit(VmExitKind.GuestShutdown, "Its process ended with code 0."),
            ["code", var code, ..] => new VmExit(VmExitKind.Failed, $"Its process ended with code {code}."),
            ["memory", ..] => new VmExit(VmExitKind.Failed, "It took more memory than it may, and was ended by the host."),
            ["storage", ..] => new VmExit(
                VmExitKind.Failed, "What had its volumes' files open has ended; what was flushed until then is on them."),
            ["signal", var signal, ..] => new VmExit(VmExitKind.Failed, $"Its process was ended by signal {signal}."),
            _ => new VmExit(VmExitKind.Failed, "Its process ended."),
        };
    }

    private static VmExit Killed { get; } = new(VmExitKind.Killed, "It was ended on request.");

    [LoggerMessage(EventId = 3500, Level = LogLevel.Information, Message = "Container {Container} has ended ({Kind}): {Reason}")]
    private static partial void LogEnded(ILogger log, string container, VmExitKind kind, string reason);
}
