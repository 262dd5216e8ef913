using System.Runtime.InteropServices;

namespace Cloud.Vmm.Qemu.Probing;

/// <summary>Finds what this host can run by running it: every engine and architecture that there is, at the same time.</summary>
internal sealed class EngineProber(QemuParts parts)
{
    /// <summary>Software does not hang; a host that is busy is given time.</summary>
    private static readonly TimeSpan SoftwareLimit = TimeSpan.FromSeconds(30);

    private readonly ProbeMemory _memory = new(parts.Options.StateFolder);

    public async Task<IReadOnlyList<EngineProbe>> ProbeAsync(CancellationToken ct) => await Task.WhenAll(
        ProbeAsync(VmEngine.Simulation, VmArchitecture.RiscV64, ct),
        ProbeAsync(VmEngine.Emulation, VmArchitecture.X64, ct),
        ProbeAsync(VmEngine.Emulation, VmArchitecture.RiscV64, ct),
        ProbeAsync(VmEngine.Hardware, VmArchitecture.X64, ct),
        ProbeAsync(VmEngine.Hardware, VmArchitecture.RiscV64, ct));

    /// <summary>The probes' answers with what is known of each engine besides; all but the processor's own is remembered.</summary>
    public async Task<IReadOnlyList<EngineExamination>> ExamineAsync(CancellationToken ct)
    {
        var examined = new List<EngineExamination>();
        foreach (var probe in await ProbeAsync(ct))
        {
            var found = await LookForProblemsAsync(probe, ct);
            examined.Add(new EngineExamination(
                probe.Engine, probe.Architecture, found.Problems, found.Reason,
                probe.Engine == VmEngine.Hardware ? ProcessorReader.Read() : null));
        }

        return examined;
    }

    private async Task<ProblemsFound> LookForProblemsAsync(EngineProbe probe, CancellationToken ct)
    {
        if (probe.Architecture != VmArchitecture.X64)
        {
            return ProblemsFound.None("The guest that looks for them is one for x86.");
        }

        var why = WhyNotTried(probe.Engine, probe.Architecture);
        if (why is not null || Programs.Find(probe.Engine, probe.Architecture, parts.Options) is not { } program)
        {
            return ProblemsFound.None(why ?? probe.Reason);
        }

        if (_memory.Recall(program, probe.Engine, probe.Architecture) is not { } kept)
        {
            return ProblemsFound.None(probe.Reason);
        }

        if (kept.Problems is { } remembered)
        {
            return remembered;
        }

        // A technique that runs no guest with pages may still run one without.
        var target = new ProbeTarget(program, probe.Engine, probe.Architecture, kept.Cpu);
        var found = await new ProblemsRun(parts).RunAsync(target, probe.Works, ct);
        _memory.Keep(kept with { Problems = found });
        return found;
    }

    private async Task<EngineProbe> ProbeAsync(VmEngine engine, VmArchitecture architecture, CancellationToken ct)
    {
        var program = Programs.Find(engine, architecture, parts.Options);
        if (program is null || WhyNotTried(engine, architecture) is not null)
        {
            return new EngineProbe(
                engine, architecture, false,
                WhyNotTried(engine, architecture) ?? $"{Programs.Name(engine, architecture)} is not installed.");
        }

        var kept = _memory.Recall(program, engine, architecture);
        if (kept is null)
        {
            kept = engine == VmEngine.Hardware
                ? await TryHardwareAsync(program, architecture, ct)
                : await TrySoftwareAsync(program, engine, architecture, ct);
            _memory.Keep(kept);
        }

        if (engine == VmEngine.Hardware)
        {
            parts.HardwareCpu = kept.Cpu;
        }

        return kept.Probe;
    }

    /// <summary>What needs no trial.</summary>
    private static string? WhyNotTried(VmEngine engine, VmArchitecture architecture)
    {
        if (engine != VmEngine.Hardware)
        {
            return null;
        }

        var own = RuntimeInformation.OSArchitecture switch
        {
            Architecture.X64 => VmArchitecture.X64,
            Architecture.RiscV64 => VmArchitecture.RiscV64,
            _ => default,
        };
        return architecture != own
            ? "The host's processor does not have this instruction set; hardware runs its own alone."
            : File.Exists(KvmDevice.Path) ? null : $"This host has no {KvmDevice.Path}.";
    }

    private async Task<KeptProbe> TrySoftwareAsync(string program, VmEngine engine, VmArchitecture architecture, CancellationToken ct)
    {
        var cpu = QemuBoard.For(engine, architecture).EmulatedCpu;
        var run = await RunAsync(new ProbeTarget(program, engine, architecture, cpu), SoftwareLimit, ct);
        return KeptProbe.Of(program, new EngineProbe(engine, architecture, run.Worked, run.Reason), cpu);
    }

    /// <summary>
    /// Where the device is open to root alone the probe's guest, which is ours, runs as root: whether guests would run at all is the
    /// first thing to know, and opening the device to them is advised only where that helps.
    /// </summary>
    private async Task<KeptProbe> TryHardwareAsync(string program, VmArchitecture architecture, CancellationToken ct)
    {
        var closed = KvmDevice.WhyClosed();
        var limit = parts.Options.ProbeLimit;
        var cpu = "";
        var run = new ProbeRun(false, "");
        foreach (var offered in QemuBoard.For(VmEngine.Hardware, architecture).HardwareCpus)
        {
            cpu = offered;
            var target = new ProbeTarget(program, VmEngine.Hardware, architecture, cpu);
            run = closed is not null && parts.OtherUsers
                ? await ProbeRun.RunAsync(target, null, limit, parts, ct)
                : await RunAsync(target, limit, ct);
            if (run.Worked)
            {
                break;
            }
        }

        var probe = run.Worked && closed is not null
            ? new EngineProbe(VmEngine.Hardware, architecture, false, closed)
            : new EngineProbe(VmEngine.Hardware, architecture, run.Worked, run.Reason);
        return KeptProbe.Of(program, probe, cpu);
    }

    /// <summary>As machines run: as a user of its own.</summary>
    private async Task<ProbeRun> RunAsync(ProbeTarget target, TimeSpan limit, CancellationToken ct)
    {
        if (!parts.OtherUsers)
        {
            return await ProbeRun.RunAsync(target, null, limit, parts, ct);
        }

        var (uid, held) = parts.Uids.Take($"probe-{target.Engine}-{target.Architecture}");
        using (held)
        {
            return await ProbeRun.RunAsync(target, uid, limit, parts, ct);
        }
    }
}
