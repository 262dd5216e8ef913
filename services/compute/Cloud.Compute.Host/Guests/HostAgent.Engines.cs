using Cloud.Compute.Host.Contracts;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>What this host's engines are, beyond whether they work.</summary>
internal sealed partial class HostAgent
{
    private readonly Lock _examining = new();
    private Task<IReadOnlyList<EngineExamination>>? _examination;

    public async Task<IReadOnlyList<HostEngineDetail>> ExamineEnginesAsync(CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        var probes = await _probes.Task.WaitAsync(ct);
        var examination = Examine();
        var found = examination.IsCompletedSuccessfully ? await examination : [];
        return probes.Select(probe =>
        {
            var (engine, architecture) = (probe.Engine, probe.Architecture);
            return found.FirstOrDefault(one => (one.Engine, one.Architecture) == (engine, architecture)) is { } one
                ? ToDetail(one)
                : new HostEngineDetail(
                    NameOf(engine), NameOf(architecture), new Dictionary<string, bool>(), WhyNotFound(engine, examination), null);
        }).ToList();
    }

    /// <summary>Once a process; what failed is tried at the next question.</summary>
    private Task<IReadOnlyList<EngineExamination>> Examine()
    {
        lock (_examining)
        {
            if (_examination is null or { IsFaulted: true } or { IsCanceled: true })
            {
                _examination = Task.Run(() => driver.ExamineAsync(CancellationToken.None));
            }

            return _examination;
        }
    }

    private static string WhyNotFound(VmEngine engine, Task examination) =>
        engine == VmEngine.Container ? "A container has no processor of its own."
        : examination.IsFaulted ? "They could not be looked for: a guest's process could not be started."
        : "They are being looked for: ask again.";

    private static HostEngineDetail ToDetail(EngineExamination found) => new(
        NameOf(found.Engine), NameOf(found.Architecture), found.Problems, found.ProblemsReason,
        found.Processor is { } processor
            ? new HostProcessor(processor.Extension, processor.Features, processor.Vmcs, processor.Reason)
            : null);

    private static string NameOf(VmEngine engine) => engine.ToString().ToLowerInvariant();

    private static string NameOf(VmArchitecture architecture) => architecture == VmArchitecture.RiscV64 ? "riscv64" : "x86_64";
}
