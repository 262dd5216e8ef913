using Cloud.BlockStorage.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

internal static class GetVolume
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, HttpContext context, BlockStorageDbContext db, VolumeWaiter waiter, CancellationToken ct)
    {
        var volume = await waiter.WaitAsync(await db.Volumes.AsNoTracking().FindVisibleAsync(caller, id, ct), wait, ct);
        return ResourceResults.Ok(context, VolumeView.From(volume), volume.Version);
    }
}
