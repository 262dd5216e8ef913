using System.ComponentModel;
using System.Globalization;
using Cloud.Vmm.Qemu;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Oci;

/// <summary>
/// One start of a container. Its first instruction runs last: after its process is written down. Whatever fails on the way, no process is
/// left.
/// </summary>
internal sealed class ContainerStart(OciParts parts, VmSpec spec)
{
    private const int AppendTo = LibC.OpenWriteOnly | LibC.OpenAppend | LibC.OpenCreate | LibC.OpenNoFollow;

    /// <summary>Nothing of the agent's environment, which may hold secrets.</summary>
    private static readonly string[] Environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"];

    private readonly long _logOffset = ProcessLog.Length(spec.Folder);
    private ProcessHandle? _process;
    private Task<ProcessExit>? _exit;

    public async Task<IVirtualMachine> RunAsync(FileLock folderLock, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(parts.Options.StartLimit);
        try
        {
            var (uids, uidLock) = UidRange.Take(spec.Folder, parts.Options);
            using (uidLock)
            {
                Bundle.Write(spec, uids);
                using var control = ShimControl.Create();
                Launch(control, uids, folderLock, uidLock);
                return await HandOverAsync(control, uids, limit.Token);
            }
        }
        catch (Exception failed)
        {
            throw await UndoAsync(failed, ct);
        }
    }

    private void Launch(ShimControl control, int uids, FileLock folderLock, FileLock? uidLock)
    {
        var open = new List<SafeFileHandle>();
        try
        {
            open.Add(Descriptor.Open("/dev/null", LibC.OpenReadOnly));
            open.Add(Descriptor.Open(Path.Combine(spec.Folder, VmFolder.ProcessLog), AppendTo));
            open.Add(Descriptor.Open(Path.Combine(spec.Folder, VmFolder.ProcessLog), AppendTo));
            open.Add(Descriptor.Duplicate(control.Shims));
            open.Add(Descriptor.Open(Path.Combine(spec.Folder, VmFolder.ConsoleLog), AppendTo));
            open.Add(FolderSocket.Listen(spec.Folder, MachineFolder.Console));
            open.Add(Descriptor.Duplicate(folderLock.Descriptor));
            if (uidLock is not null)
            {
                open.Add(Descriptor.Duplicate(uidLock.Descriptor));
            }

            List<string> command = [parts.Options.ShimProgram, .. ShimOptions.Of(spec, uids, parts.Options)];
            if (spec.Nics is [var nic])
            {
                command.AddRange(["port-folder", open.Count.ToString(CultureInfo.InvariantCulture), "mac", nic.MacAddress]);
                open.Add(Descriptor.OpenFolder(Path.GetDirectoryName(nic.GuestSocketPath)!));
            }

            Give(FolderSocket.Listen(spec.Folder, ContainerFolder.Commands), "commands");
            if (spec.Disks.Any(ShimOptions.NeedsDaemon))
            {
                Give(FolderSocket.Listen(spec.Folder, ContainerFolder.Storage), "daemon-socket");
            }

            foreach (var socket in ListeningSockets.Open(spec.Container!.Listeners, parts.Options))
            {
                Give(socket, "listener");
            }

            var id = ChildProcess.Start(command, Environment, spec.Folder, open);
            _process = ProcessHandle.TryOpen(id) ?? throw new VmException("The container's shim is gone.");

            void Give(SafeFileHandle socket, string name)
            {
                command.AddRange([name, open.Count.ToString(CultureInfo.InvariantCulture)]);
                open.Add(socket);
            }
        }
        catch (Win32Exception refused)
        {
            throw new VmException($"The container's shim could not be started: {refused.Message}.", refused);
        }
        finally
        {
            open.ForEach(file => file.Dispose());
        }

        control.Shims.Dispose();
        _exit = parts.Exits.WaitAsync(_process);
    }

    private async Task<IVirtualMachine> HandOverAsync(ShimControl control, int uids, CancellationToken ct)
    {
        var state = new MachineState
        {
            Id = spec.Id,
            Phase = MachinePhase.Starting,
            HostBoot = HostBoot.Id,
            ProcessId = _process!.Id,
            StartTicks = ProcessStat.Read(_process.Id)?.StartTicks ?? throw new VmException("The container's shim is gone."),
            Architecture = spec.Architecture,
            Engine = spec.Engine,
            Uid = uids,
            ProcessLogOffset = _logOffset,
            Volumes = spec.Disks.Select(disk => new MachineVolume(
                disk.Serial, disk.ReadOnly, ShimOptions.NeedsDaemon(disk) ? null : Path.GetFullPath(disk.Path))).ToList(),
        };
        state.Write(spec.Folder);
        var first = int.Parse(await control.ExpectAsync("created", ct), CultureInfo.InvariantCulture);
        state = state with { Cgroups = ContainerCgroups.Find(first, spec.Id) };
        state.Write(spec.Folder);
        await control.SayGoAsync(ct);
        await control.ExpectAsync("started", ct);
        state = state with { Phase = MachinePhase.Running };
        state.Write(spec.Folder);
        var machine = new ContainerMachine(spec.Folder, state, _process, _exit!, parts);
        machine.Follow();
        return machine;
    }

    /// <summary>Leaves no process; answers the error to throw.</summary>
    private async Task<Exception> UndoAsync(Exception failed, CancellationToken ct)
    {
        if (_exit is not null)
        {
            // Without its other end the shim ends by itself, with all that it has begun.
            if (await Task.WhenAny(_exit, Task.Delay(parts.Options.StartLimit, parts.Time, CancellationToken.None)) != _exit)
            {
                _process!.Signal(LibC.SignalKill);
                await _exit;
                await parts.Runtime.DeleteAsync(spec.Folder, spec.Id, CancellationToken.None);
            }

            _process!.Dispose();
        }

        ContainerFolder.Clean(spec.Folder);
        if (ct.IsCancellationRequested)
        {
            return failed;
        }

        return failed switch
        {
            VmException => new VmException(RuntimeSaid() ?? failed.Message, failed),
            EndOfStreamException => new VmException(RuntimeSaid() ?? "The container could not be started.", failed),
            OperationCanceledException => new VmException(
                $"The container did not start within {parts.Options.StartLimit.TotalSeconds:0} s.", failed),
            IOException => new VmException($"The container could not be started: {failed.Message}", failed),
            _ => failed,
        };
    }

    private string? RuntimeSaid() => RuntimeLog.LastError(spec.Folder, _logOffset);
}
