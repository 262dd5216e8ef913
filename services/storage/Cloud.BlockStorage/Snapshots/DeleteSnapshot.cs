using Cloud.BlockStorage.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Snapshots;

internal static class DeleteSnapshot
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, BlockStorageDbContext db, SnapshotWaiter waiter,
        SnapshotChanges changes, CancellationToken ct)
    {
        if (SnapshotId.TryParse(id, out var snapshotId) && await db.Snapshots.AsNoTracking().AnyAsync(
            row => row.Id == snapshotId && row.Project == caller.Project && row.Status == SnapshotStatus.Deleted, ct))
        {
            return TypedResults.NoContent();
        }

        var found = await db.Snapshots.AsNoTracking().FindVisibleAsync(caller, id, ct);
        ifMatch.Require(found.Version);
        await changes.ApplyAsync(found.Id, "deleting", (own, row, now) =>
        {
            if (row.Status is SnapshotStatus.Deleting or SnapshotStatus.Deleted)
            {
                return Task.FromResult(false);
            }

            row.BeginDelete(now);
            own.Sagas().Start<SnapshotDeleteSaga, SnapshotSagaData>(new SnapshotSagaData(row.Id), row.Id.Value);
            return Task.FromResult(true);
        }, ct);
        var begun = await db.Snapshots.AsNoTracking().SingleAsync(row => row.Id == found.Id, ct);
        var latest = await waiter.WaitAsync(begun, wait, ct);
        return latest.Status == SnapshotStatus.Deleted
            ? TypedResults.NoContent()
            : ResourceResults.Accepted(context, SnapshotView.From(latest), latest.Version);
    }
}
