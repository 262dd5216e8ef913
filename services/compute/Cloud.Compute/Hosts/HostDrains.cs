using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

/// <summary>
/// Moves what is on drained hosts to others, one instance of a host at a time. One that did not go is tried again after a while.
/// </summary>
internal sealed class HostDrains(
    IDbContextFactory<ComputeDbContext> databases, InstanceChanges changes, HostDirectory hosts, ReconcilerSignals signals,
    TimeProvider time) : IReconciler
{
    private const string Policy = "post-copy";
    private const double TimeoutSeconds = 30;
    private static readonly TimeSpan TryAgain = TimeSpan.FromMinutes(1);

    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var drained = await db.Hosts.AsNoTracking().Where(host => host.IsDrained).ToListAsync(ct);
        if (drained.Count == 0)
        {
            signals.RestUntilWoken<HostDrains>();
        }

        foreach (var host in drained)
        {
            var rows = await db.Instances.AsNoTracking().Existing().Where(row => row.HostName == host.Name).OrderBy(row => row.Id)
                .ToListAsync(ct);
            var due = time.GetUtcNow() - TryAgain;
            if (!rows.Any(row => row.Status == InstanceStatus.Migrating)
                && rows.FirstOrDefault(row => row.Status is InstanceStatus.Running or InstanceStatus.Paused or InstanceStatus.Suspended
                    or InstanceStatus.Stopped or InstanceStatus.Failed
                    && !(row.Migration is { Reason: not null } failed && failed.From == host.Name && failed.EndedAt > due)) is { } next)
            {
                await MoveAsync(next, ct);
            }
        }
    }

    /// <summary>Why an instance does not leave its host by itself; null for one that goes, now or when it has settled.</summary>
    public static string? WhyStays(Instance row) => row switch
    {
        { Settled: true, Migration: { Reason: { } reason } failed } when failed.From == row.HostName => reason,
        _ => null,
    };

    private async Task MoveAsync(Instance instance, CancellationToken ct)
    {
        await changes.ApplyAsync(instance.Id, "migrating", async (db, row, now) =>
        {
            // It has changed, or its host is in use again.
            if (row.Version != instance.Version || !await db.Hosts.AnyAsync(host => host.Name == row.HostName && host.IsDrained, ct))
            {
                return false;
            }

            try
            {
                await MigrateInstance.BeginAsync(db, hosts, row, null, Policy, TimeoutSeconds, now, ct);
                return true;
            }
            catch (CloudException none) when (none.Kind == ErrorKind.Conflict)
            {
                // No host has room for it now: it waits.
                return false;
            }
        }, ct);
    }
}
