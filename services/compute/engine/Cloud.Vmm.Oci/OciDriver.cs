using Cloud.Vmm.Qemu;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Extensions.Logging;

namespace Cloud.Vmm.Oci;

/// <summary>
/// Runs containers by runc: one kernel, isolated user spaces. A small process a container, <c>cloud-shim</c>, holds it, in a session of its
/// own; the agent asks the runtime and finds the rest in the container's folder, and can die at any time. As root a container's user ids
/// are mapped by id-mapped mounts, and its volumes are mounted by the host's kernel; for an ordinary user all is in one of his user
/// namespaces.
/// </summary>
public sealed class OciDriver : IVmDriver, IDisposable
{
    private readonly OciParts _parts;

    public OciDriver(OciOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(options);
        _parts = new OciParts(options, time, loggers);
    }

    /// <summary>Whether the machine of a folder is a container.</summary>
    public static bool IsContainer(string folder) => File.Exists(Path.Combine(folder, ContainerFolder.Bundle));

    /// <summary>Why this host's containers have no volumes; null where they may.</summary>
    public static string? WhyNoVolumes => UserNamespace.Own is null ? null : ContainerChecks.NoVolumes;

    public async Task<IReadOnlyList<EngineProbe>> ProbeAsync(CancellationToken ct) => [await new ContainerProbe(_parts).RunAsync(ct)];

    public async Task<IVirtualMachine> StartAsync(VmSpec spec, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ContainerChecks.Check(spec);
        if (WhyNot(_parts.Options) is { } reason)
        {
            throw new VmException(reason);
        }

        Directory.CreateDirectory(spec.Folder);
        using var folderLock = FileLock.TryTake(Path.Combine(spec.Folder, MachineFolder.Lock))
            ?? throw new VmException("The machine runs already.");
        await CleanAsync(spec.Folder, spec.Id, ct);
        return await new ContainerStart(_parts, spec).RunAsync(folderLock, ct);
    }

    public Task<IVmArrival> AwaitAsync(VmSpec spec, IReadOnlyDictionary<string, string> slots, CancellationToken ct) =>
        throw new VmException(ContainerMachine.StaysWhileItRuns);

    public Task<VmTemplate> MakeTemplateAsync(VmSpec spec, CancellationToken ct) =>
        throw new VmException("What a container is cannot be kept.");

    public async Task<IVirtualMachine?> AdoptAsync(string folder, CancellationToken ct)
    {
        var state = MachineState.Read(folder);
        if (state is { Phase: MachinePhase.Running } && state.IsAlive() && ProcessHandle.TryOpen(state.ProcessId) is { } process)
        {
            var machine = new ContainerMachine(folder, state, process, _parts.Exits.WaitAsync(process), _parts);
            await machine.LookAsync(ct);
            return machine;
        }

        if (state is not null)
        {
            await EndAsync(folder, state, ct);
        }

        return null;
    }

    public void Dispose() => _parts.Dispose();

    /// <summary>Why no container can be run here, as far as that is known without running one; null where one may try.</summary>
    internal static string? WhyNot(OciOptions options)
    {
        return !File.Exists(options.RuntimeProgram) ? "runc is not installed."
            : !File.Exists(options.ShimProgram) ? "The program cloud-shim was not built: this machine had no C compiler."
            : UserNamespace.Own is null ? null : UserNamespace.WhyNot();
    }

    /// <summary>What an agent that died left half-started, or a shim that was killed left behind.</summary>
    private async Task EndAsync(string folder, MachineState state, CancellationToken ct)
    {
        var path = Path.Combine(folder, MachineFolder.Lock);
        FileLock? free;
        while ((free = FileLock.TryTake(path)) is null)
        {
            foreach (var id in LockHolders.Find(path))
            {
                if (ProcessHandle.TryOpen(id) is { } process)
                {
                    var exit = _parts.Exits.WaitAsync(process);
                    process.Signal(LibC.SignalKill);
                    await exit.WaitAsync(ct);
                    process.Dispose();
                }
            }
        }

        using (free)
        {
            await CleanAsync(folder, state.Id, ct);
        }
    }

    private async Task CleanAsync(string folder, string id, CancellationToken ct)
    {
        if (Directory.Exists(Path.Combine(folder, ContainerFolder.RuntimeState, id)))
        {
            await _parts.Runtime.DeleteAsync(folder, id, ct);
        }

        ContainerFolder.Clean(folder);
    }
}
