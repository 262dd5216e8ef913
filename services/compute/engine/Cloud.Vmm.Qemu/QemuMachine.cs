using System.Net.Sockets;
using System.Threading.Channels;
using Cloud.Vmm.Qemu.Agent;
using Cloud.Vmm.Qemu.Cgroups;
using Cloud.Vmm.Qemu.Console;
using Cloud.Vmm.Qemu.Linux;
using Cloud.Vmm.Qemu.Qmp;
using Microsoft.Extensions.Logging;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// A machine whose process runs. One task follows it to its end: what QMP tells, a connection that is lost and made anew,
/// the end that the guest or the caller wants, and the process's exit, which alone ends it.
/// </summary>
internal sealed partial class QemuMachine : IVirtualMachine
{
    private const int ReconnectsMax = 10;
    private const int ExitLooksMax = 10;
    private static readonly TimeSpan ExitLookPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan ReconnectPause = TimeSpan.FromMilliseconds(200);

    /// <summary>QEMU's word for a guest that stopped at a write for which there was no room (werror=enospc, its default).</summary>
    private const string DiskFull = "io-error";

    private const long RoomBytesMin = 16L << 20;
    private static readonly TimeSpan RoomLook = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan QuitLimit = TimeSpan.FromSeconds(3);

    private static readonly VmExit GuestShutdown = new(VmExitKind.GuestShutdown, "The guest powered itself off.");

    private readonly string _folder;
    private MachineState _state;
    private readonly ProcessHandle _process;
    private readonly Task<ProcessExit> _processExit;
    private readonly QemuParts _parts;
    private readonly QemuGuestAgent _agent;
    private readonly ConsoleHub _console;
    private readonly MachineDisks _disks;
    private readonly ILogger _log;
    private readonly Channel<Happening> _happenings = Channel.CreateUnbounded<Happening>(
        new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource<VmExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private QmpClient? _qmp;
    private VmExit? _end;
    private volatile VmState _observed = VmState.Running;
    private volatile bool _diskFull;
    private Task? _following;

    public QemuMachine(string folder, MachineState state, ProcessHandle process, Task<ProcessExit> processExit, QemuParts parts)
    {
        _folder = folder;
        _state = state;
        _process = process;
        _processExit = processExit;
        _parts = parts;
        _agent = new QemuGuestAgent(folder, parts.Time);
        _console = new ConsoleHub(folder);
        _disks = new MachineDisks(parts.Time, new MachineDiskHolder());
        _log = parts.Loggers.CreateLogger<QemuMachine>();
    }

    private enum Happening
    {
        ProcessExited,
        ConnectionLost,
        EndWanted,
        GuestStopped,
    }

    public string Id => _state.Id;

    public int ProcessId => _state.ProcessId;

    public VmState State => _exited.Task.IsCompleted ? VmState.Stopped : _observed;

    public bool IsDiskFull => _diskFull && State == VmState.Paused;

    public Task<VmExit> Exited => _exited.Task;

    public IGuestAgent Agent => _agent;

    /// <summary>Connects and takes in what state the guest is in; from here on the machine follows its process.</summary>
    /// <exception cref="QmpException">The process does not answer.</exception>
    public async Task<string> FollowAsync(CancellationToken ct)
    {
        _qmp = await ConnectAsync(ct);
        var status = await _qmp.QueryStatusAsync(ct);
        TakeStatus(status);
        if (status == DiskFull)
        {
            _happenings.Writer.TryWrite(Happening.GuestStopped);
        }

        _following = FollowAsync(_qmp);
        _parts.Logs.Add(_folder);
        return status;
    }

    /// <summary>Lets a guest run that waits at its start.</summary>
    public Task ContinueAsync(CancellationToken ct) => CallAsync(qmp => qmp.ContinueAsync(ct));

    public Task PowerDownAsync(CancellationToken ct) => CallAsync(qmp => qmp.SystemPowerDownAsync(ct));

    public Task ResetAsync(CancellationToken ct) => CallAsync(qmp => qmp.SystemResetAsync(ct));

    public async Task PauseAsync(CancellationToken ct)
    {
        await CallAsync(qmp => qmp.StopAsync(ct));
        _observed = VmState.Paused;
    }

    public async Task ResumeAsync(CancellationToken ct)
    {
        await CallAsync(qmp => qmp.ContinueAsync(ct));
        _observed = VmState.Running;
    }

    public Task KillAsync(CancellationToken ct)
    {
        WantEnd(new VmExit(VmExitKind.Killed, "It was ended on request."));
        return _exited.Task.WaitAsync(ct);
    }

    public async Task<VmMetrics> ReadMetricsAsync(CancellationToken ct)
    {
        var disks = await CallAsync(qmp => qmp.QueryBlockStatsAsync(ct));
        var stat = ProcessStat.Read(ProcessId);
        if (stat is null || stat.StartTicks != _state.StartTicks)
        {
            throw new VmException("The machine has ended.");
        }

        return new VmMetrics
        {
            CpuTime = stat.CpuTime,
            ResidentBytes = stat.ResidentBytes,
            Uptime = stat.ReadAge(),
            Disks = disks.Where(disk => DiskNodes.SerialOf(disk.Key) is not null).Select(disk => new VmDiskMetrics(
                DiskNodes.SerialOf(disk.Key)!, disk.Value.ReadBytes, disk.Value.ReadOperations, disk.Value.WrittenBytes,
                disk.Value.WriteOperations)
            {
                FlushOperations = disk.Value.FlushOperations,
                ReadTime = disk.Value.ReadTime,
                WriteTime = disk.Value.WriteTime,
                FlushTime = disk.Value.FlushTime,
            }).ToList(),
        };
    }

    public Task ResizeAsync(int vcpus, long memoryBytes, CancellationToken ct) =>
        throw new VmException("A machine's processors and memory change while it is stopped: stop it first.");

    public Task PlugDiskAsync(VmDisk disk, CancellationToken ct)
    {
        SpecChecks.Check(disk);
        var board = RequireHotPlug();
        return CallAsync(async qmp =>
        {
            await _disks.PlugAsync(qmp, disk, board, ct);
            return true;
        });
    }

    public Task<bool> UnplugDiskAsync(string serial, TimeSpan limit, bool force, CancellationToken ct) => CallAsync(async qmp =>
    {
        var board = RequireHotPlug();
        if (await _disks.UnplugAsync(qmp, serial, board, limit, ct))
        {
            return true;
        }

        if (!force || !board.ResetTakesDisks)
        {
            return false;
        }

        // What was to go goes when the board is reset.
        await qmp.SystemResetAsync(ct);
        return await _disks.UnplugAsync(qmp, serial, board, limit, ct);
    });

    public Task GrowDiskAsync(string serial, long sizeBytes, CancellationToken ct) =>
        CallAsync(qmp => _disks.GrowAsync(qmp, serial, sizeBytes, ct));

    public Task LayDisksOverAsync(IReadOnlyDictionary<string, VmDiskLayer> overlays, CancellationToken ct) =>
        CallAsync(qmp => _disks.LayOverAsync(qmp, overlays, ct));

    public Task<bool> HasDiskLayerAsync(string serial, string path, CancellationToken ct) =>
        CallAsync(qmp => _disks.HasLayerAsync(qmp, serial, path, ct));

    public Task<bool> ReplaceDiskLayersAsync(string serial, IReadOnlyList<string> layers, VmDiskLayer merged, CancellationToken ct) =>
        CallAsync(qmp => _disks.ReplaceLayersAsync(qmp, serial, layers, merged, ct));

    public bool KeepsStates => true;

    public Task<VmSavedState> SaveAsync(
        string path, IReadOnlyDictionary<string, VmDiskLayer> overlays, bool goOn, CancellationToken ct) => CallAsync(async qmp =>
    {
        var runs = _observed == VmState.Running;
        var slots = await MachineSlots.ReadAsync(qmp, ct);
        using (var file = Descriptor.Open(path, LibC.OpenReadWrite | LibC.OpenCreate | LibC.OpenExclusive | LibC.OpenNoFollow))
        {
            try
            {
                await new MachineSaving(qmp, _disks, _parts.Time).SaveAsync(file, overlays);
            }
            catch
            {
                File.Delete(path);
                throw;
            }
        }

        if (runs && goOn)
        {
            await ResumeAsync(CancellationToken.None);
        }

        return new VmSavedState(path, slots, qmp.Version);
    });

    /// <summary>Refuses what another version of its program saved.</summary>
    /// <exception cref="VmVersionException">It did.</exception>
    public Task RequireVersionAsync(string saved) => CallAsync(qmp => qmp.Version == saved
        ? Task.CompletedTask
        : throw new VmVersionException($"It was kept by version {saved}, and this host has {qmp.Version}."));

    /// <summary>Takes in what it is to go on from.</summary>
    public Task LoadAsync(int descriptor, CancellationToken ct) =>
        CallAsync(qmp => new MachineSaving(qmp, _disks, _parts.Time).LoadAsync(descriptor, ct));

    /// <summary>Lets a guest go on that an agent before this one was saving, or moving.</summary>
    public Task UndoSavingAsync() => CallAsync(async qmp =>
    {
        await new MachineSaving(qmp, _disks, _parts.Time).UndoAsync();
        if (Moves)
        {
            await new DiskMirrors(qmp, _parts.Time).RemoveAsync();
        }
    });

    public Task<VmExits> ReadExitsAsync(CancellationToken ct) => CallAsync(qmp => MachineExits.ReadAsync(qmp, _state.Engine, ct));

    public Task<IReadOnlyList<VmHart>> ReadHartsAsync(ulong? address, CancellationToken ct) => _state.Engine == VmEngine.Simulation
        ? CallAsync(qmp => MachineHarts.ReadAsync(qmp, address, ct))
        : throw new VmException("This machine's engine does not show its processors: the simulator does.");

    public Task<Stream> OpenConsoleAsync(CancellationToken ct) => _console.OpenAsync(ct);

    public async ValueTask DisposeAsync()
    {
        _happenings.Writer.TryComplete();
        _parts.Logs.Remove(_folder);
        await _agent.DisposeAsync();
        await _console.DisposeAsync();
        _disks.Dispose();
        if (_qmp is { } qmp)
        {
            await qmp.DisposeAsync();
        }

        if (_following is { } following)
        {
            await following;
            if (!_exited.Task.IsCompleted)
            {
                _parts.Exits.Release(_process);
            }
        }
    }

    /// <summary>Lets go of a machine whose start failed; its process ends, where it was followed already.</summary>
    public async Task AbandonAsync()
    {
        if (_following is not null)
        {
            await KillAsync(CancellationToken.None);
        }

        await DisposeAsync();
    }

    private QemuBoard RequireHotPlug() => QemuBoard.For(_state.Engine, _state.Architecture) is { LateDisk: not null } board
        ? board
        : throw new VmException("The disks of this machine's board come and go while it is stopped: stop it first.");

    private async Task CallAsync(Func<QmpClient, Task> call) => await CallAsync(async qmp =>
    {
        await call(qmp);
        return true;
    });

    private async Task<T> CallAsync<T>(Func<QmpClient, Task<T>> call)
    {
        try
        {
            return await call(_qmp!);
        }
        catch (QmpException refused)
        {
            throw new VmException(
                State == VmState.Stopped ? "The machine has ended." : $"The machine did not do as asked: {refused.Message}", refused);
        }
    }

    private async Task<QmpClient> ConnectAsync(CancellationToken ct)
    {
        try
        {
            var stream = await FolderSocket.ConnectAsync(_folder, MachineFolder.Qmp, ct);
            var qmp = await QmpClient.OpenAsync(stream, _parts.Time, OnEvent, ct);
            await HearOfMigrationsAsync(qmp);
            return qmp;
        }
        catch (Exception nobody) when (nobody is SocketException or IOException)
        {
            throw new QmpException(QmpException.Lost, nobody.Message);
        }
    }

    private void WantEnd(VmExit end)
    {
        lock (_lock)
        {
            _end ??= end;
        }

        _happenings.Writer.TryWrite(Happening.EndWanted);
    }

    private async Task FollowAsync(QmpClient qmp)
    {
        var watches = new List<Task> { TellAsync(_processExit, Happening.ProcessExited), TellAsync(qmp.Closed, Happening.ConnectionLost) };
        await foreach (var happening in _happenings.Reader.ReadAllAsync())
        {
            switch (happening)
            {
                case Happening.GuestStopped when await LookAtStatusAsync() == DiskFull:
                    watches.Add(AwaitRoomAsync());
                    break;
                case Happening.EndWanted:
                    await EndAsync();
                    break;
                case Happening.ConnectionLost when await ReconnectAsync():
                    watches.Add(TellAsync(_qmp!.Closed, Happening.ConnectionLost));
                    break;
                default:
                    break;
            }

            if (_processExit.IsCompleted)
            {
                Finish(await LookAtExitAsync());
                return;
            }
        }
    }

    private async Task TellAsync(Task of, Happening happening)
    {
        await of;
        _happenings.Writer.TryWrite(happening);
    }

    private async Task<string?> LookAtStatusAsync()
    {
        try
        {
            var status = await _qmp!.QueryStatusAsync(CancellationToken.None);
            TakeStatus(status);
            return status;
        }
        catch (QmpException lost)
        {
            LogUnanswered(_log, Id, lost.Message);
            return null;
        }
    }

    /// <summary>
    /// A write found no room, and the guest stands still before it. When there is room the write is made once more and the guest goes on;
    /// should it stop again, that is told again.
    /// </summary>
    private async Task AwaitRoomAsync()
    {
        while (!_processExit.IsCompleted && !_happenings.Reader.Completion.IsCompleted)
        {
            await Task.WhenAny(_processExit, Task.Delay(RoomLook, _parts.Time));
            if (!HasRoom())
            {
                continue;
            }

            try
            {
                if (await _qmp!.QueryStatusAsync(CancellationToken.None) == DiskFull)
                {
                    await _qmp!.ContinueAsync(CancellationToken.None);
                }

                return;
            }
            catch (QmpException lost)
            {
                LogUnanswered(_log, Id, lost.Message);
            }
        }
    }

    /// <summary>Whether there is room on all disks of the host where the process has files open.</summary>
    private bool HasRoom()
    {
        try
        {
            return Directory.EnumerateFiles($"/proc/{ProcessId}/fd").Select(path => new FileInfo(path).LinkTarget)
                .Where(File.Exists).All(path => new DriveInfo(path!).AvailableFreeSpace >= RoomBytesMin);
        }
        catch (IOException)
        {
            // A file went away meanwhile.
            return false;
        }
    }

    /// <summary>Ends the process: asked to, so that it closes its disks, and by force where it does not.</summary>
    private async Task EndAsync()
    {
        using var limit = new CancellationTokenSource(QuitLimit, _parts.Time);
        try
        {
            await _qmp!.QuitAsync(limit.Token);
            await _processExit.WaitAsync(limit.Token);
        }
        catch (Exception unheeded) when (unheeded is QmpException or OperationCanceledException)
        {
            _process.Signal(LibC.SignalKill);
            await _processExit;
        }
    }

    /// <summary>Connects anew; true when that came about. A process that lives and does not answer for long is ended.</summary>
    private async Task<bool> ReconnectAsync()
    {
        for (var attempt = 0; attempt < ReconnectsMax && !_happenings.Reader.Completion.IsCompleted; attempt++)
        {
            // Mostly the connection ends because the process does.
            await Task.WhenAny(_processExit, Task.Delay(ReconnectPause, _parts.Time));
            if (_processExit.IsCompleted)
            {
                return false;
            }

            try
            {
                using var limit = new CancellationTokenSource(QuitLimit, _parts.Time);
                var qmp = await ConnectAsync(limit.Token);
                TakeStatus(await qmp.QueryStatusAsync(limit.Token));
                _qmp = qmp;
                return true;
            }
            catch (Exception lost) when (lost is QmpException or OperationCanceledException)
            {
                LogUnanswered(_log, Id, lost.Message);
            }
        }

        WantEnd(new VmExit(VmExitKind.Failed, "Its process did not answer any more."));
        return false;
    }

    /// <summary>An adopted process is not this agent's child. Its parent, which is init by now, waits for it at once.</summary>
    private async Task<ProcessExit> LookAtExitAsync()
    {
        var exit = await _processExit;
        for (var look = 0; exit == default && look < ExitLooksMax; look++)
        {
            exit = _process.ReadExit();
            if (exit == default)
            {
                await Task.Delay(ExitLookPause, _parts.Time);
            }
        }

        return exit;
    }

    private void Finish(ProcessExit exit)
    {
        VmExit end;
        lock (_lock)
        {
            end = _end ?? Describe(exit);
        }

        _parts.Logs.Remove(_folder);
        _parts.Clean(_folder, _state);
        _process.Dispose();
        _happenings.Writer.TryComplete();
        LogEnded(_log, Id, end.Kind, end.Reason);
        _exited.TrySetResult(end);
    }

    private VmExit Describe(ProcessExit exit)
    {
        // QEMU's RISC-V board tells nobody: the test finisher that such a guest powers off by ends the process with code 0. Where
        // the code is not known either, an end without a word is taken for that.
        var said = ProcessLog.LastLine(_folder, _state.ProcessLogOffset);
        if (_state.Architecture == VmArchitecture.RiscV64 && said is null && (exit.Code == 0 || exit == default))
        {
            return GuestShutdown;
        }

        if (MachineCgroups.RanOutOfMemory(_state.Cgroups))
        {
            return new VmExit(VmExitKind.Failed, "Its process took more memory than it may, and was ended by the host.");
        }

        var how = exit switch
        {
            { Signal: { } signal } => $"Its process was ended by signal {signal}",
            { Code: { } code } => $"Its process ended with code {code}",
            _ => "Its process ended",
        };
        return new VmExit(VmExitKind.Failed, said is null ? $"{how}." : $"{how}: {said}");
    }

    [LoggerMessage(EventId = 3201, Level = LogLevel.Information, Message = "Machine {Machine} has ended ({Kind}): {Reason}")]
    private static partial void LogEnded(ILogger log, string machine, VmExitKind kind, string reason);

    [LoggerMessage(EventId = 3202, Level = LogLevel.Warning, Message = "The process of machine {Machine} does not answer: {Reason}")]
    private static partial void LogUnanswered(ILogger log, string machine, string reason);

    [LoggerMessage(EventId = 3203, Level = LogLevel.Warning, Message = "Machine {Machine} is paused: the host could not write its disk")]
    private static partial void LogDiskFull(ILogger log, string machine);
}
