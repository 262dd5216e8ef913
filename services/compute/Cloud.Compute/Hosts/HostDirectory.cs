using System.Collections.Concurrent;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Compute.Placement;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

/// <summary>The compute hosts: their agents, and what is promised on each.</summary>
internal sealed class HostDirectory(TimeProvider time)
{
    /// <summary>A host whose agent has not answered for this long takes no new instance.</summary>
    public static readonly TimeSpan ReachableFor = TimeSpan.FromSeconds(90);

    private readonly ConcurrentDictionary<string, (HostId Id, IHostAgent Agent, string? SwitchFolder)> _agents =
        new(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<string, bool> _silent = new(StringComparer.Ordinal);

    /// <summary>A host whose agent answers this process.</summary>
    public void Know(HostId id, string name, IHostAgent agent, string? switchFolder)
    {
        _agents[name] = (id, agent, switchFolder);
        _silent.TryRemove(name, out _);
    }

    /// <summary>The host's agent has stopped answering; it may come back at the same place.</summary>
    public void FallSilent(string name) => _silent[name] = true;

    /// <summary>How many hosts there are whose agents answer now, and how many do not.</summary>
    public (int Answering, int Silent) Count => (_agents.Count - _silent.Count, _silent.Count);

    /// <summary>The hosts that have an agent here now.</summary>
    public IReadOnlyList<(string Name, IHostAgent Agent)> Known => _agents.Select(pair => (pair.Key, pair.Value.Agent)).ToList();

    /// <summary>Tells each host's network of all others, where there are several.</summary>
    public async Task LinkNetworksAsync(CancellationToken ct)
    {
        var known = _agents.ToList();
        if (known.Count < 2)
        {
            return;
        }

        foreach (var (name, host) in known)
        {
            try
            {
                await host.Agent.SetPeersAsync(
                    known.Where(other => other.Key != name && other.Value.SwitchFolder is not null)
                        .OrderBy(other => other.Key, StringComparer.Ordinal)
                        .Select(other => new HostPeer(other.Key, other.Value.SwitchFolder!)).ToList(),
                    ct);
            }
            catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
            {
                // It is told when it answers again.
            }
        }
    }

    public bool Knows(string name, IHostAgent agent) => _agents.TryGetValue(name, out var known) && ReferenceEquals(known.Agent, agent);

    public HostId IdOf(string name) => _agents.TryGetValue(name, out var known)
        ? known.Id
        : throw new CloudException(ErrorKind.Unavailable, "host-unreachable", $"Host '{name}' does not answer now.");

    /// <exception cref="CloudException">No agent of that host is known here now.</exception>
    public IHostAgent AgentOf(string? name) =>
        name is not null && _agents.TryGetValue(name, out var known)
            ? known.Agent
            : throw new CloudException(ErrorKind.Unavailable, "host-unreachable", $"Host '{name}' does not answer now.");

    public async Task<IReadOnlyList<HostVerdict>> JudgeAsync(ComputeDbContext db, PlacementRequest request, CancellationToken ct)
    {
        var hosts = await db.Hosts.AsNoTracking().ToListAsync(ct);
        var promised = await db.Instances.Existing()
            .GroupBy(instance => instance.HostName)
            .Select(group => new
            {
                Host = group.Key,
                Vcpus = group.Sum(instance => instance.Vcpus),
                Memory = group.Sum(instance => instance.MemoryBytes),
            })
            .ToListAsync(ct);
        var coming = await db.Instances.Existing().Where(instance => instance.MigratesTo != null)
            .Select(instance => new { Host = instance.MigratesTo, instance.Vcpus, Memory = instance.MemoryBytes }).ToListAsync(ct);
        return Placer.Judge(request, hosts.Select(host =>
        {
            var used = promised.Find(one => one.Host == host.Name);
            var awaited = coming.Where(one => one.Host == host.Name).ToList();
            return new HostCapacity(
                host, (used?.Vcpus ?? 0) + awaited.Sum(one => one.Vcpus), (used?.Memory ?? 0) + awaited.Sum(one => one.Memory),
                time.GetUtcNow() - host.SeenAt < ReachableFor);
        }));
    }
}
