using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.BlockStorage.Volumes;

/// <summary>The body of <c>POST /v1/volumes/{id}/restore</c>.</summary>
public sealed record RestoreVolumeRequest
{
    /// <summary>The id of a snapshot of this volume.</summary>
    public required string Snapshot { get; init; }
}

/// <summary>Brings a detached volume back to a snapshot. What it was becomes a snapshot before: restoring that undoes it.</summary>
internal static class RestoreVolume
{
    public static async Task<IResult> HandleAsync(
        string id, RestoreVolumeRequest request, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context,
        BlockStorageDbContext db, VolumeAction action, TimeProvider time, CancellationToken ct) =>
        await action.RunAsync<VolumeRestoreSaga>(id, caller, ifMatch, wait, context, "restoring", async (volume, now) =>
        {
            var snapshot = await db.Snapshots.FindOrDefaultAsync(caller, request.Snapshot, ct);
            if (snapshot is null || snapshot.Volume != volume.Id)
            {
                throw CloudException.Invalid("snapshot", $"The volume has no snapshot '{request.Snapshot}'.");
            }

            return await BeginAsync(volume, snapshot, db, time, now, ct);
        }, ct);

    /// <summary>The rows of a restore: the volume's, and that of the snapshot of what it is until then.</summary>
    public static async Task<VolumeSagaData> BeginAsync(
        Volume volume, Snapshot snapshot, BlockStorageDbContext db, TimeProvider time, DateTimeOffset now, CancellationToken ct)
    {
        snapshot.RequireAvailable();
        var safetyId = TypedId.New<SnapshotId>(time);
        var safety = Snapshot.Create(
            safetyId, volume, $"before-restore-{safetyId.Value[^8..]}", new Labels(new Dictionary<string, string>()), now);
        var before = volume.SizeBytes;
        volume.BeginRestore(snapshot.SizeBytes, now);

        // What it shrinks by is given back when that is done: a restore that fails needs it again.
        await VolumeQuotas.ReserveAsync(db, volume.Project, 0, Math.Max(0, snapshot.SizeBytes - before), ct);
        await db.Quotas().ReserveAsync(volume.Project, "snapshots", 1, ct);
        db.Snapshots.Add(safety);
        db.AddSnapshotEvent(safety, "creating");
        return new VolumeSagaData(volume.Id, Snapshot: snapshot.Id, Safety: safetyId);
    }
}
