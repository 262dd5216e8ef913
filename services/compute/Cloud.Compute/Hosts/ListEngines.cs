using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

/// <summary>One engine over all hosts.</summary>
/// <param name="Technique">How the theory of virtualization names what it does.</param>
public sealed record EngineView(string Name, string Technique, IReadOnlyList<EngineOnHost> Hosts);

/// <summary>What one host found of an engine when it ran a small guest on it.</summary>
public sealed record EngineOnHost(string Host, string Architecture, bool Works, string Reason);

internal static class ListEngines
{
    private static readonly (string Name, string Technique)[] Engines =
    [
        ("simulation", "The guest is a state variable; each instruction is read and applied to it."),
        ("emulation", "Guest code is translated and runs on the host's CPU; devices are emulated."),
        ("hardware", "Guest code runs directly under the CPU's virtualization support; devices are emulated."),
        ("container", "One kernel, isolated user spaces."),
    ];

    public static async Task<Page<EngineView>> HandleAsync(ComputeDbContext db, CancellationToken ct)
    {
        var hosts = await db.Hosts.AsNoTracking().ToListAsync(ct);
        var engines = Engines.Select(engine => new EngineView(engine.Name, engine.Technique, hosts
            .SelectMany(
                host => host.Engines.Where(on => on.Engine == engine.Name)
                    .Select(on => new EngineOnHost(host.Name, on.Architecture, on.Works, on.Reason)))
            .ToList()));
        return new Page<EngineView>(engines.ToList(), null);
    }
}
