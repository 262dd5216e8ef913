using Cloud.Vmm.Qemu.Linux;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// One start of a machine. The guest's first instruction runs last: after its process is written down and limited. Whatever fails on
/// the way, no process is left.
/// </summary>
internal sealed class MachineStart(QemuParts parts, VmSpec spec, string program)
{
    private const UnixFileMode SocketMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    private ProcessHandle? _process;
    private Task<ProcessExit>? _exit;
    private MachineState? _state;

    public async Task<IVirtualMachine> RunAsync(FileLock folderLock, CancellationToken ct)
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
                await machine.ContinueAsync(limit.Token);
                (_state! with { Phase = MachinePhase.Running }).Write(spec.Folder);
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
        using (var files = MachineFiles.OpenAll(spec, parts.OtherUsers, uidLock is null ? [folderLock.Descriptor] : [folderLock.Descriptor, uidLock.Descriptor]))
        {
            _process = MachineProcess.Start(program, QemuCommandLine.Build(spec, files.Numbers), spec.Folder, files, user?.Uid, []);
        }

        _exit = parts.Exits.WaitAsync(_process);
        _state = new MachineState
        {
            Id = spec.Id,
            Phase = MachinePhase.Starting,
            HostBoot = HostBoot.Id,
            ProcessId = _process.Id,
            StartTicks = ProcessStat.Read(_process.Id)?.StartTicks ?? throw new VmException("The machine's process is gone."),
            Architecture = spec.Architecture,
            Uid = user?.Uid,
            Disks = spec.Disks.Select(disk => disk.Serial).ToList(),
            ProcessLogOffset = logOffset,
        };
        _state.Write(spec.Folder);
    }

    /// <summary>
    /// The process binds its end of the network in a folder that holds nothing else but the switch's end: that one becomes its own. The machine's
    /// folder never does, so a guest that took over its process can put no link where the agent reads and writes.
    /// </summary>
    private void GiveNicFolders(int? uid)
    {
        foreach (var nic in spec.Nics)
        {
            File.Delete(nic.GuestSocketPath);
            if (uid is { } user && LibC.ChangeOwner(Path.GetDirectoryName(nic.GuestSocketPath)!, (uint)user, LibC.KeepOwner) != 0)
            {
                throw new IOException($"The owner of a network interface's folder cannot be changed: {Descriptor.LastError()}");
            }
        }
    }

    /// <summary>By its first answer the process has bound its ends. The switch sends to them by the group that the folder gives them.</summary>
    private void OpenSockets()
    {
        foreach (var nic in spec.Nics)
        {
            File.SetUnixFileMode(nic.GuestSocketPath, SocketMode);
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
            OperationCanceledException => new VmException($"QEMU did not answer within {parts.Options.StartLimit.TotalSeconds:0} s.", failed),
            IOException => new VmException($"The machine could not be started: {failed.Message}", failed),
            _ => failed,
        };
    }

    private string? SaidLast() => _state is null ? null : ProcessLog.LastLine(spec.Folder, _state.ProcessLogOffset);
}
