using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

/// <summary>
/// Brings a detached volume back to what it was before its latest restore; once more, and the restore is undone no longer.
/// </summary>
internal static class UndoRestore
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, BlockStorageDbContext db, VolumeAction action,
        TimeProvider time, CancellationToken ct) =>
        await action.RunAsync<VolumeRestoreSaga>(id, caller, ifMatch, wait, context, "restoring", async (volume, now) =>
        {
            var before = volume.BeforeRestore is { } safety
                ? await db.Snapshots.Existing().SingleOrDefaultAsync(snapshot => snapshot.Id == safety, ct)
                : null;
            return before is null
                ? throw CloudException.Conflict("nothing-to-undo", "The volume was not restored, or what it was before is deleted.")
                : await RestoreVolume.BeginAsync(volume, before, db, time, now, ct);
        }, ct);
}
