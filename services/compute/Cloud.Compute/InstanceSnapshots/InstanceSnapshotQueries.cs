using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>Look-ups of snapshots, scoped by the caller's project.</summary>
internal static class InstanceSnapshotQueries
{
    /// <summary>All but the deleted, whose rows stay for the answer to a second DELETE.</summary>
    public static IQueryable<InstanceSnapshot> Existing(this IQueryable<InstanceSnapshot> snapshots) =>
        snapshots.Where(snapshot => snapshot.Status != InstanceSnapshotStatus.Deleted);

    /// <returns>Null where the caller's project has none such.</returns>
    public static async Task<InstanceSnapshot?> FindOrDefaultAsync(
        this IQueryable<InstanceSnapshot> snapshots, Caller caller, string id, CancellationToken ct) =>
        InstanceSnapshotId.TryParse(id, out var snapshotId)
            ? await snapshots.Existing().SingleOrDefaultAsync(row => row.Id == snapshotId && row.Project == caller.Project, ct)
            : null;

    /// <exception cref="CloudException">The project has no such snapshot.</exception>
    public static async Task<InstanceSnapshot> FindVisibleAsync(
        this IQueryable<InstanceSnapshot> snapshots, Caller caller, string id, CancellationToken ct) =>
        await snapshots.FindOrDefaultAsync(caller, id, ct) ?? throw CloudException.NotFound("snapshot", id);

    /// <summary>An instance is gone: its snapshots go, in the same save.</summary>
    public static async Task DeleteSnapshotsOfAsync(this ComputeDbContext db, Instance instance, DateTimeOffset now, CancellationToken ct)
    {
        foreach (var snapshot in await db.InstanceSnapshots.Existing()
            .Where(row => row.Instance == instance.Id && row.Status != InstanceSnapshotStatus.Deleting).ToListAsync(ct))
        {
            snapshot.GoesWithItsInstance(now);
            db.Sagas().Start<InstanceSnapshotDeleteSaga, InstanceSnapshotSagaData>(
                new InstanceSnapshotSagaData(snapshot.Id), snapshot.Id.Value);
            db.AddInstanceSnapshotEvent(snapshot, "deleting");
        }
    }
}
