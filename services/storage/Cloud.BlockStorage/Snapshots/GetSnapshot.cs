using Cloud.BlockStorage.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Snapshots;

internal static class GetSnapshot
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, HttpContext context, BlockStorageDbContext db, SnapshotWaiter waiter,
        CancellationToken ct)
    {
        var snapshot = await waiter.WaitAsync(await db.Snapshots.AsNoTracking().FindVisibleAsync(caller, id, ct), wait, ct);
        return ResourceResults.Ok(context, SnapshotView.From(snapshot), snapshot.Version);
    }
}
