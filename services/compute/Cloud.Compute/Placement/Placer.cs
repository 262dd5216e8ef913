using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Primitives;

namespace Cloud.Compute.Placement;

/// <summary>What a guest needs of a host.</summary>
/// <param name="Architecture">Of its image.</param>
/// <param name="Engine"><c>auto</c>, or one by name.</param>
/// <param name="HostLabels">All of them must be the host's.</param>
/// <param name="VolumeHost">Where the volumes lie that it is to have; null for none.</param>
/// <param name="IsContainer">Its image is one that containers are made of.</param>
internal sealed record PlacementRequest(
    string Architecture, string Engine, int Vcpus, long MemoryBytes, Labels HostLabels, string? VolumeHost = null,
    bool IsContainer = false);

/// <summary>A host with what is already promised on it.</summary>
internal sealed record HostCapacity(ComputeHost Host, int VcpusUsed, long MemoryUsedBytes, bool Reachable);

/// <summary>What was found of one host: a score and an engine, or why it was refused.</summary>
/// <param name="Score">The share of its memory left free after, 0 to 1; null where it was refused.</param>
public sealed record HostVerdict(string Host, double? Score, string? Engine, string? EngineReason, string? Refused);

/// <summary>Chooses a host. Pure: inventory in, every host's verdict out, the best first.</summary>
internal static class Placer
{
    /// <summary>Virtual processors a processor: guests idle most of the time.</summary>
    private const int VcpusPerCpu = 64;

    /// <summary>Kept for the host itself and the cloud's own processes.</summary>
    private const long MemoryReserveBytes = 1L << 30;

    /// <summary>The fastest technique first.</summary>
    private static readonly string[] AutoOrder = ["hardware", "emulation", "simulation"];

    private static readonly string[] ContainerOrder = ["container"];

    public static IReadOnlyList<HostVerdict> Judge(PlacementRequest request, IEnumerable<HostCapacity> hosts) =>
        hosts.Select(host => Judge(request, host)).OrderByDescending(verdict => verdict.Score ?? -1)
            .ThenBy(verdict => verdict.Host, StringComparer.Ordinal).ToList();

    private static HostVerdict Judge(PlacementRequest request, HostCapacity capacity)
    {
        var host = capacity.Host;
        HostVerdict Refuse(string reason) => new(host.Name, null, null, null, reason);
        if (!capacity.Reachable)
        {
            return Refuse("Its agent does not answer.");
        }

        if (host.IsDrained)
        {
            return Refuse("It is drained.");
        }

        if (request.HostLabels.Except(host.Labels).ToList() is { Count: > 0 } missing)
        {
            return Refuse($"It does not carry the label {missing[0].Key}={missing[0].Value}.");
        }

        if (request.VolumeHost is { } volumeHost && volumeHost != host.Name)
        {
            return Refuse($"The volumes lie on host '{volumeHost}'.");
        }

        var (engine, reason) = ChooseEngine(request, host.Engines);
        if (engine is null)
        {
            return Refuse(reason);
        }

        var vcpusFree = (host.Cpus * VcpusPerCpu) - capacity.VcpusUsed;
        if (request.Vcpus > vcpusFree)
        {
            return Refuse($"{request.Vcpus} vCPUs are asked for and {Math.Max(0, vcpusFree)} of {host.Cpus * VcpusPerCpu} are free.");
        }

        var usable = host.MemoryBytes - MemoryReserveBytes;
        var free = usable - capacity.MemoryUsedBytes;
        if (request.MemoryBytes > free)
        {
            return Refuse(
                $"{request.MemoryBytes >> 20} MiB of memory are asked for and {Math.Max(0, free) >> 20} of {usable >> 20} are free.");
        }

        return new HostVerdict(host.Name, Math.Round((double)(free - request.MemoryBytes) / usable, 4), engine, reason, null);
    }

    /// <summary>A guest that may take more than it was given is told of.</summary>
    private static string Says(string reason, HostEngine chosen) =>
        chosen.Lacks.TryGetValue(HostEngine.Limits, out var none) ? $"{reason} {none}" : reason;

    private static (string? Engine, string Reason) ChooseEngine(PlacementRequest request, IReadOnlyList<HostEngine> engines)
    {
        if (request.Engine != "auto")
        {
            var named = engines.FirstOrDefault(engine => engine.Engine == request.Engine && engine.Architecture == request.Architecture);
            return named is { Works: true }
                ? (named.Engine, Says("Asked for by name.", named))
                : (null, named is null
                    ? $"It has no engine '{request.Engine}' for {request.Architecture}."
                    : $"Its engine '{request.Engine}' does not work for {request.Architecture}: {named.Reason}");
        }

        var passedOver = new List<string>();
        foreach (var name in request.IsContainer ? ContainerOrder : AutoOrder)
        {
            var engine = engines.FirstOrDefault(engine => engine.Engine == name && engine.Architecture == request.Architecture);
            if (engine is { Works: true })
            {
                return (name, Says(string.Join(" ", passedOver.Prepend("The fastest that works here.")), engine));
            }

            if (engine is not null)
            {
                passedOver.Add($"{name} does not: {engine.Reason}");
            }
        }

        return (null, $"No engine for {request.Architecture} works here. {string.Join(" ", passedOver)}".TrimEnd());
    }
}
