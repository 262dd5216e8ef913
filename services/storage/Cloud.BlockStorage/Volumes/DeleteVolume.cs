using Cloud.BlockStorage.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

internal static class DeleteVolume
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, BlockStorageDbContext db, VolumeAction action,
        VolumeWaiter waiter, CancellationToken ct)
    {
        if (VolumeId.TryParse(id, out var volumeId) && await db.Volumes.AsNoTracking().AnyAsync(
            row => row.Id == volumeId && row.Project == caller.Project && row.Status == VolumeStatus.Deleted, ct))
        {
            return TypedResults.NoContent();
        }

        var volume = await action.ChangeAsync(id, caller, ifMatch, "deleting", (row, now) =>
        {
            if (row.Status != VolumeStatus.Deleting)
            {
                row.BeginDelete(now);
                db.Sagas().Start<VolumeDeleteSaga, VolumeSagaData>(new VolumeSagaData(row.Id), row.Id.Value);
            }

            return Task.CompletedTask;
        }, ct);
        var latest = await waiter.WaitAsync(volume, wait, ct);
        return latest.Status == VolumeStatus.Deleted
            ? TypedResults.NoContent()
            : ResourceResults.Accepted(context, VolumeView.From(latest), latest.Version);
    }
}
