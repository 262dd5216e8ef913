using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceSnapshots;

internal static class GetInstanceSnapshot
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, HttpContext context, ComputeDbContext db, InstanceSnapshotWaiter waiter,
        CancellationToken ct)
    {
        var snapshot = await waiter.WaitAsync(await db.InstanceSnapshots.AsNoTracking().FindVisibleAsync(caller, id, ct), wait, ct);
        return ResourceResults.Ok(context, InstanceSnapshotView.From(snapshot), snapshot.Version);
    }
}
