using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceSnapshots;

internal static class DeleteInstanceSnapshot
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, ComputeDbContext db, InstanceSnapshotWaiter waiter,
        InstanceSnapshotChanges changes, CancellationToken ct)
    {
        if (InstanceSnapshotId.TryParse(id, out var snapshotId) && await db.InstanceSnapshots.AsNoTracking().AnyAsync(
            row => row.Id == snapshotId && row.Project == caller.Project && row.Status == InstanceSnapshotStatus.Deleted, ct))
        {
            return TypedResults.NoContent();
        }

        var found = await db.InstanceSnapshots.AsNoTracking().FindVisibleAsync(caller, id, ct);
        ifMatch.Require(found.Version);
        await changes.ApplyAsync(found.Id, "deleting", (own, row, now) =>
        {
            if (row.Status is InstanceSnapshotStatus.Deleting or InstanceSnapshotStatus.Deleted)
            {
                return Task.FromResult(false);
            }

            row.BeginDelete(now);
            own.Sagas().Start<InstanceSnapshotDeleteSaga, InstanceSnapshotSagaData>(new InstanceSnapshotSagaData(row.Id), row.Id.Value);
            return Task.FromResult(true);
        }, ct);
        var begun = await db.InstanceSnapshots.AsNoTracking().SingleAsync(row => row.Id == found.Id, ct);
        var latest = await waiter.WaitAsync(begun, wait, ct);
        return latest.Status == InstanceSnapshotStatus.Deleted
            ? TypedResults.NoContent()
            : ResourceResults.Accepted(context, InstanceSnapshotView.From(latest), latest.Version);
    }
}
