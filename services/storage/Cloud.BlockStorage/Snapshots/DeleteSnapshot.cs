using Cloud.BlockStorage.Persistence;
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
        await changes.BeginDeleteAsync(found.Id, ct);
        var begun = await db.Snapshots.AsNoTracking().SingleAsync(row => row.Id == found.Id, ct);
        var latest = await waiter.WaitAsync(begun, wait, ct);
        return latest.Status == SnapshotStatus.Deleted
            ? TypedResults.NoContent()
            : ResourceResults.Accepted(context, SnapshotView.From(latest), latest.Version);
    }
}
