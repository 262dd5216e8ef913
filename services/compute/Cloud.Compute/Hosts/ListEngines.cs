using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

/// <summary>One engine over all hosts.</summary>
/// <param name="Technique">How the theory of virtualization names what it does.</param>
public sealed record EngineView(string Name, string Technique, IReadOnlyList<EngineOnHost> Hosts);

/// <summary>What one host found of an engine when it ran small guests on it.</summary>
public sealed record EngineOnHost(string Host, string Architecture, bool Works, string Reason)
{
    /// <summary>What an instance would have on other hosts, and why not there: <c>volumes</c>, <c>limits</c>.</summary>
    public IReadOnlyDictionary<string, string> Lacks { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Which of the seven problems of virtualizing a processor a guest found solved there: <c>ring-aliasing</c>,
    /// <c>address-space-compression</c>, <c>non-faulting-access</c>, <c>interrupt-virtualization</c>, <c>hidden-state</c>,
    /// <c>ring-compression</c>, <c>frequent-access</c>. Those that it did not look for are missing.
    /// </summary>
    public IReadOnlyDictionary<string, bool> Problems { get; init; } = new Dictionary<string, bool>();

    /// <summary>Why some are missing; null where none is. They are looked for when they are first asked for.</summary>
    public string? ProblemsReason { get; init; }

    /// <summary>For <c>hardware</c> what the processor says of its virtualization support; else null.</summary>
    public HostProcessor? Processor { get; init; }
}

internal static class ListEngines
{
    private static readonly (string Name, string Technique)[] Engines =
    [
        ("simulation", "The guest is a state variable; each instruction is read and applied to it."),
        ("emulation", "Guest code is translated and runs on the host's CPU; devices are emulated."),
        ("hardware", "Guest code runs directly under the CPU's virtualization support; devices are emulated."),
        ("container", "One kernel, isolated user spaces."),
    ];

    public static async Task<Page<EngineView>> HandleAsync(
        ComputeDbContext db, EngineExaminations examinations, CancellationToken ct)
    {
        var hosts = await db.Hosts.AsNoTracking().ToListAsync(ct);
        var details = await examinations.ReadAsync(ct);
        var engines = Engines.Select(engine => new EngineView(engine.Name, engine.Technique, hosts
            .SelectMany(host => host.Engines.Where(on => on.Engine == engine.Name)
                .Select(on => ToView(host.Name, on, details.GetValueOrDefault(host.Name))))
            .ToList()));
        return new Page<EngineView>(engines.ToList(), null);
    }

    private static EngineOnHost ToView(string host, HostEngine engine, IReadOnlyList<HostEngineDetail>? details)
    {
        var detail = details?.FirstOrDefault(one => (one.Engine, one.Architecture) == (engine.Engine, engine.Architecture));
        return new EngineOnHost(host, engine.Architecture, engine.Works, engine.Reason)
        {
            Lacks = engine.Lacks,
            Problems = detail?.Problems ?? new Dictionary<string, bool>(),
            ProblemsReason = detail is null ? "The host's agent does not say now." : detail.ProblemsReason,
            Processor = detail?.Processor,
        };
    }
}
