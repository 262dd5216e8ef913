using Cloud.Vmm.Qemu.Linux;
using Cloud.Vmm.Qemu.Probing;
using Cloud.Vmm.Qemu.Qmp;
using Microsoft.Extensions.Logging;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// Runs machines by QEMU: emulation (TCG) and hardware (KVM), x86-64 and riscv64; and by <c>cloud-vmm</c>, which takes the same options and
/// speaks the same QMP: simulation, riscv64. A process a machine, in a session and under a user of its own; the agent talks to it over Unix
/// sockets in the machine's folder and can die at any time.
/// </summary>
public sealed partial class QemuDriver : IVmDriver, IDisposable
{
    private readonly QemuParts _parts;
    private readonly ILogger _log;

    public QemuDriver(QemuOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(options);
        _parts = new QemuParts(options, time, loggers);
        _log = loggers.CreateLogger<QemuDriver>();
    }

    public Task<IReadOnlyList<EngineProbe>> ProbeAsync(CancellationToken ct) => new EngineProber(_parts).ProbeAsync(ct);

    public Task<IReadOnlyList<EngineExamination>> ExamineAsync(CancellationToken ct) => new EngineProber(_parts).ExamineAsync(ct);

    public async Task<IVirtualMachine> StartAsync(VmSpec spec, CancellationToken ct) =>
        await BeginAsync(spec, (start, folderLock) => start.RunAsync(folderLock, ct));

    public async Task<IVmArrival> AwaitAsync(VmSpec spec, IReadOnlyDictionary<string, string> slots, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Engine == VmEngine.Simulation
            ? throw new VmException(QemuMachine.StaysWhileItRuns)
            : await BeginAsync(spec with { AwaitedSlots = slots }, (start, folderLock) => start.AwaitAsync(folderLock, ct));
    }

    public Task<VmTemplate> MakeTemplateAsync(VmSpec spec, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(spec);
        SpecChecks.Check(spec);
        return Task.Run(() => MachineTemplate.Make(spec, ct), ct);
    }

    private async Task<T> BeginAsync<T>(VmSpec spec, Func<MachineStart, FileLock, Task<T>> run)
    {
        ArgumentNullException.ThrowIfNull(spec);
        SpecChecks.Check(spec);
        var program = Programs.Find(spec.Engine, spec.Architecture, _parts.Options)
            ?? throw new VmException($"'{Programs.Name(spec.Engine, spec.Architecture)}' is not installed on this host.");
        Directory.CreateDirectory(spec.Folder);
        using var folderLock = FileLock.TryTake(Path.Combine(spec.Folder, MachineFolder.Lock))
            ?? throw new VmException("The machine runs already.");
        _parts.Clean(spec.Folder, MachineState.Read(spec.Folder));
        return await run(new MachineStart(_parts, spec, program), folderLock);
    }

    public async Task<IVirtualMachine?> AdoptAsync(string folder, CancellationToken ct)
    {
        var state = MachineState.Read(folder);
        if (state is { Phase: MachinePhase.Running or MachinePhase.Leaving } && state.IsAlive()
            && ProcessHandle.TryOpen(state.ProcessId) is { } process)
        {
            var machine = new QemuMachine(folder, state, process, _parts.Exits.WaitAsync(process), _parts);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(_parts.Options.StartLimit);
            try
            {
                if (await machine.FollowAsync(limit.Token) is var status && status != "prelaunch")
                {
                    if (!machine.IsLeaving)
                    {
                        await machine.UndoSavingAsync();
                    }

                    return machine;
                }

                await machine.KillAsync(ct);
            }
            catch (Exception silent)
                when (silent is QmpException or VmException || (silent is OperationCanceledException && !ct.IsCancellationRequested))
            {
                LogSilent(_log, state.Id, silent.Message);
                await machine.DisposeAsync();
                _parts.Exits.Release(process);
            }
        }

        await Leftovers.EndAsync(folder, state, _parts, ct);
        return null;
    }

    public void Dispose() => _parts.Dispose();

    [LoggerMessage(EventId = 3205, Level = LogLevel.Warning, Message = "Machine {Machine} does not answer and is ended: {Reason}")]
    private static partial void LogSilent(ILogger log, string machine, string reason);
}
