using System.Globalization;
using Cloud.Vmm.Qemu.Cgroups;
using Cloud.Vmm.Qemu.Linux;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// One start of a machine. The guest's first instruction runs last: after its process is written down and limited. Whatever fails on
/// the way, no process is left.
/// </summary>
internal sealed class MachineStart(QemuParts parts, VmSpec spec, string program)
{
    private int? _from;

    private const UnixFileMode SocketMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead
        | UnixFileMode.GroupWrite
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private ProcessHandle? _process;
    private Task<ProcessExit>? _exit;
    private MachineState? _state;

    public Task<QemuMachine> RunAsync(FileLock folderLock, CancellationToken ct) => RunAsync(folderLock, async (machine, limit) =>
    {
        await machine.ContinueAsync(limit);
        (_state! with { Phase = MachinePhase.Running }).Write(spec.Folder);
    }, ct);

    /// <summary>The process awaits a guest. Until it runs, whoever finds it ends it.</summary>
    public async Task<MachineArrival> AwaitAsync(FileLock folderLock, CancellationToken ct)
    {
        var machine = await RunAsync(folderLock, (machine, limit) => machine.ExportDisksAsync(spec.Disks, limit), ct);
        return new MachineArrival(machine, _state!, spec, await machine.TakesMemoryLateAsync(ct));
    }

    private async Task<QemuMachine> RunAsync(FileLock folderLock, Func<QemuMachine, CancellationToken, Task> end, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(parts.Options.StartLimit);
        try
        {
            Launch(folderLock);
            var machine = new QemuMachine(spec.Folder, _state!, _process!, _exit!, parts);
            try
            {
                await machine.FollowAsync(limit.Token);
                OpenSockets();
                if (_from is { } from)
                {
                    if (spec.Template?.Saved.Version is { } version)
                    {
                        await machine.RequireVersionAsync(version);
                    }

                    await machine.LoadAsync(from, limit.Token);
                }

                await end(machine, limit.Token);
                return machine;
            }
            catch
            {
                await machine.AbandonAsync();
                throw;
            }
        }
        catch (Exception failed)
        {
            throw await UndoAsync(failed, ct);
        }
    }

    private void Launch(FileLock folderLock)
    {
        (int Uid, FileLock Lock)? user = parts.OtherUsers ? parts.Uids.Take(spec.Id) : null;
        using var uidLock = user?.Lock;
        GiveNicFolders(user?.Uid);
        var logOffset = ProcessLog.Length(spec.Folder);

        // The simulator's program may lie where that user cannot look: it becomes the user when it has loaded itself.
        var runAs = spec.Engine == VmEngine.Simulation ? user?.Uid : null;
        using (var files = MachineFiles.OpenAll(
            spec, parts.OtherUsers, uidLock is null ? [folderLock.Descriptor] : [folderLock.Descriptor, uidLock.Descriptor]))
        {
            _from = files.Numbers.State;
            _process = MachineProcess.Start(
                program, QemuCommandLine.Build(spec, files.Numbers, parts.HardwareCpu, runAs), spec.Folder, files.Open,
                runAs is null ? user?.Uid : null, KvmDevice.GroupsFor(spec.Engine));
        }

        _exit = parts.Exits.WaitAsync(_process);
        var cgroups = parts.Cgroups.Make(
            spec.AwaitedSlots is null ? spec.Id : string.Create(CultureInfo.InvariantCulture, $"{spec.Id}-{_process.Id}"),
            MachineLimits.Of(spec));
        _state = new MachineState
        {
            Id = spec.Id,
            Phase = MachinePhase.Starting,
            HostBoot = HostBoot.Id,
            ProcessId = _process.Id,
            StartTicks = ProcessStat.Read(_process.Id)?.StartTicks ?? throw new VmException("The machine's process is gone."),
            Architecture = spec.Architecture,
            Engine = spec.Engine,
            Uid = user?.Uid,
            ProcessLogOffset = logOffset,
            Cgroups = cgroups,
        };
        _state.Write(spec.Folder);
        parts.Cgroups.Join(cgroups, _process.Id);
    }

    /// <summary>
    /// The process binds its end of the network in a folder that holds nothing else but the switch's end: that one becomes its own, where
    /// the process may not write in it already. The machine's folder never does, so a guest that took over its process can put no link
    /// where the agent reads and writes.
    /// </summary>
    private void GiveNicFolders(int? uid)
    {
        foreach (var nic in spec.Nics)
        {
            File.Delete(nic.GuestSocketPath);
            var folder = Path.GetDirectoryName(nic.GuestSocketPath)!;
            if (uid is { } user && !File.GetUnixFileMode(folder).HasFlag(UnixFileMode.OtherWrite)
                && LibC.ChangeOwner(folder, (uint)user, LibC.KeepOwner) != 0)
            {
                throw new IOException($"The owner of a network interface's folder cannot be changed: {Descriptor.LastError()}");
            }
        }
    }

    /// <summary>
    /// By its first answer, and before its guest runs, the process has bound its ends. They become root's: the switch sends to no socket
    /// that the guest's process could have made later. Who may send is said by the folders above, which only the switch passes through.
    /// </summary>
    private void OpenSockets()
    {
        foreach (var nic in spec.Nics)
        {
            File.SetUnixFileMode(nic.GuestSocketPath, SocketMode);
            if (parts.OtherUsers && LibC.ChangeOwner(nic.GuestSocketPath, 0, LibC.KeepOwner) != 0)
            {
                throw new IOException($"The owner of a network interface's socket cannot be changed: {Descriptor.LastError()}");
            }
        }
    }

    /// <summary>Leaves no process; answers the error to throw.</summary>
    private async Task<Exception> UndoAsync(Exception failed, CancellationToken ct)
    {
        if (_exit is not null)
        {
            if (!_exit.IsCompleted)
            {
                _process!.Signal(LibC.SignalKill);
                await _exit;
            }

            _process!.Dispose();
        }

        parts.Clean(spec.Folder, _state);
        if (ct.IsCancellationRequested || failed is VmException)
        {
            return failed;
        }

        return failed switch
        {
            QmpException => new VmException($"QEMU refused to start: {SaidLast() ?? failed.Message}", failed),
            OperationCanceledException => new VmException(
                $"QEMU did not answer within {parts.Options.StartLimit.TotalSeconds:0} s.", failed),
            IOException => new VmException($"The machine could not be started: {failed.Message}", failed),
            _ => failed,
        };
    }

    private string? SaidLast() => _state is null ? null : ProcessLog.LastLine(spec.Folder, _state.ProcessLogOffset);
}
