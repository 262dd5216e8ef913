using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

/// <summary>A compute host as the API shows it.</summary>
/// <param name="Status">
/// <c>up</c>; <c>draining</c> while what runs on it goes to others, <c>drained</c> when nothing does; or <c>unreachable</c> where its agent
/// has not answered of late.
/// </param>
/// <param name="Engines">Each proven by running a small guest, or why it does not work.</param>
/// <param name="NetworkNamespace">
/// <c>own</c> of a host whose agent and guests' processes are in a network namespace of their own, <c>machine</c> of one that is in the
/// machine's.
/// </param>
/// <param name="Drain">What is still on a host that is drained; null for one that is not.</param>
public sealed record HostView(
    HostId Id, string Name, Labels Labels, string Status, int Cpus, long MemoryBytes, long DiskFreeBytes, IReadOnlyList<HostEngine> Engines,
    string NetworkNamespace, DateTimeOffset SeenAt, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, HostDrain? Drain)
{
    internal static async Task<HostView> FromAsync(
        ComputeHost host, ComputeDbContext db, HostDirectory hosts, DateTimeOffset now, CancellationToken ct)
    {
        var drain = host.IsDrained ? await HostDrain.ReadAsync(host, db, hosts, ct) : null;
        return new HostView(
            host.Id,
            host.Name,
            host.Labels,
            now - host.SeenAt >= HostDirectory.ReachableFor ? "unreachable"
                : drain is null ? "up" : drain.Moving + drain.Waiting + drain.Volumes > 0 ? "draining" : "drained",
            host.Cpus,
            host.MemoryBytes,
            host.DiskFreeBytes,
            host.Engines,
            host.NetworkNamespace,
            host.SeenAt,
            host.CreatedAt,
            host.UpdatedAt,
            drain);
    }
}

/// <summary>What is still on a host that is drained.</summary>
/// <param name="Moving">Instances on their way to another host.</param>
/// <param name="Waiting">Those that are to go next.</param>
/// <param name="Staying">Those that stay, with why.</param>
/// <param name="Volumes">Volumes that no instance has, which go next.</param>
public sealed record HostDrain(int Moving, int Waiting, IReadOnlyList<HostStayer> Staying, int Volumes)
{
    internal static async Task<HostDrain> ReadAsync(ComputeHost host, ComputeDbContext db, HostDirectory hosts, CancellationToken ct)
    {
        var rows = await db.Instances.AsNoTracking().Existing().Where(row => row.HostName == host.Name).OrderBy(row => row.Id)
            .ToListAsync(ct);
        var staying = rows.Select(row => (Row: row, Why: HostDrains.WhyStays(row))).Where(one => one.Why is not null).ToList();
        var moving = rows.Count(row => row.Status == InstanceStatus.Migrating);
        return new HostDrain(
            moving, rows.Count - moving - staying.Count,
            staying.Select(one => new HostStayer(one.Row.Id, one.Row.Name, one.Why!)).ToList(),
            await CountVolumesAsync(host, hosts, ct));
    }

    /// <summary>None of a host that does not answer: it is shown as such.</summary>
    private static async Task<int> CountVolumesAsync(ComputeHost host, HostDirectory hosts, CancellationToken ct)
    {
        try
        {
            return (await hosts.AgentOf(host.Name).DescribeAsync(ct)).FreeVolumes;
        }
        catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
        {
            return 0;
        }
    }
}

/// <summary>An instance that does not leave its host by itself.</summary>
public sealed record HostStayer(InstanceId Id, string Name, string Reason);
