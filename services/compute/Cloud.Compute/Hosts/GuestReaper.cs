using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Instances;
using Cloud.Compute.InstanceSnapshots;
using Cloud.Compute.Persistence;
using Cloud.Compute.WarmStates;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

/// <summary>
/// Compares every host's guests with the rows: a guest without a row is removed (the row is always saved before the guest is made), and
/// a row whose guest its host does not know is failed. What the host says of all others is taken in once more.
/// </summary>
internal sealed partial class GuestReaper(
    IDbContextFactory<ComputeDbContext> databases, HostDirectory hosts, GuestReports reports, InstanceChanges changes,
    ILogger<GuestReaper> log) : IReconciler
{
    public async Task ReconcileAsync(CancellationToken ct)
    {
        foreach (var (name, agent) in hosts.Known)
        {
            try
            {
                await ReconcileAsync(name, agent, ct);
            }
            catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
            {
                LogAway(log, name);
            }
        }
    }

    private async Task ReconcileAsync(string host, IHostAgent agent, CancellationToken ct)
    {
        await ReapSnapshotsAsync(host, agent, ct);

        // The guests first: a row that is made after this look is newer than it and is not judged by it.
        var guests = (await agent.ListAsync(ct)).ToDictionary(guest => guest.Id);
        await using var db = await databases.CreateDbContextAsync(ct);
        // In one look, as one may arrive at this moment.
        var rows = await db.Instances.AsNoTracking().Existing().Where(row => row.HostName == host || row.MigratesTo == host)
            .ToListAsync(ct);
        var ids = rows.Select(row => row.Id.Value).ToHashSet();
        var warming = await db.WarmStates.AsNoTracking().Where(row => row.HostName == host && row.Status == WarmStateStatus.Warming)
            .ToListAsync(ct);
        ids.UnionWith(warming.SelectMany(row => new[] { row.Guest, row.Trial }));
        foreach (var guest in guests.Values.Where(guest => !ids.Contains(guest.Id)))
        {
            LogReaped(log, guest.Id, host);
            await agent.RemoveAsync(guest.Id, ct);
        }

        foreach (var row in rows.Where(row => row.HostName == host))
        {
            if (guests.TryGetValue(row.Id.Value, out var guest))
            {
                await reports.TakeAsync(host, guest, ct);
            }
            else if (row.Status is InstanceStatus.Running or InstanceStatus.Paused or InstanceStatus.Suspended)
            {
                await changes.ApplyAsync(row.Id, "failed", (instance, now) =>
                {
                    if (instance.Version != row.Version)
                    {
                        return false;
                    }

                    instance.Fails($"Host '{host}' does not know its guest: its folder is gone.", now);
                    return true;
                }, ct);
            }
        }
    }

    /// <summary>A snapshot stays as long as its row or its warm state, or while instances that are its forks have not started.</summary>
    private async Task ReapSnapshotsAsync(string host, IHostAgent agent, CancellationToken ct)
    {
        var snapshots = await agent.ListGuestSnapshotsAsync(ct);
        if (snapshots.Count == 0)
        {
            return;
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        // Of an instance that comes here they may be here before it is.
        var coming = db.Instances.Where(row => row.MigratesTo == host).Select(row => row.Id);
        var kept = (await db.InstanceSnapshots.AsNoTracking().Existing()
            .Where(row => row.HostName == host || coming.Contains(row.Instance)).Select(row => row.Id).ToListAsync(ct))
            .Select(id => id.Value).ToHashSet(StringComparer.Ordinal);
        kept.UnionWith(await db.Instances.AsNoTracking().Existing()
            .Where(row => row.ForkOf != null && (row.Status == InstanceStatus.Provisioning || row.Status == InstanceStatus.Starting))
            .Select(row => row.ForkOf!).ToListAsync(ct));
        kept.UnionWith((await db.WarmStates.AsNoTracking()
            .Where(row => row.HostName == host && (row.Status == WarmStateStatus.Warming || row.Status == WarmStateStatus.Active))
            .Select(row => row.Id).ToListAsync(ct)).Select(WarmState.SnapshotOf));
        kept.UnionWith(await db.Instances.AsNoTracking().Existing()
            .Where(row => row.WarmFrom != null && (row.Status == InstanceStatus.Provisioning || row.Status == InstanceStatus.Starting))
            .Select(row => row.WarmFrom!).ToListAsync(ct));
        foreach (var snapshot in snapshots.Where(snapshot => !kept.Contains(snapshot.Id)))
        {
            LogSnapshotReaped(log, snapshot.Id, host);
            await agent.DeleteGuestSnapshotAsync(snapshot.Id, ct);
        }
    }

    [LoggerMessage(EventId = 2700, Level = LogLevel.Information, Message = "Removed snapshot {Snapshot} of host {Host}: nothing needs it")]
    private static partial void LogSnapshotReaped(ILogger log, string snapshot, string host);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Warning, Message = "Removed guest {Guest} of host {Host}: it has no instance")]
    private static partial void LogReaped(ILogger log, string guest, string host);

    [LoggerMessage(EventId = 2003, Level = LogLevel.Debug, Message = "Host {Host} does not answer")]
    private static partial void LogAway(ILogger log, string host);
}
