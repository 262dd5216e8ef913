using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.BlockStorage.Volumes;

/// <summary>The body of <c>POST /v1/volumes/{id}/migrate</c>.</summary>
public sealed record MigrateVolumeRequest
{
    /// <summary>The name or id of a host; left out, any other that is in use.</summary>
    public string? Host { get; init; }
}

/// <summary>Takes a volume that no instance has to another host, with its snapshots. One that an instance has goes with that.</summary>
internal static class MigrateVolume
{
    public static async Task<IResult> HandleAsync(
        string id, MigrateVolumeRequest? request, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context,
        BlockStorageDbContext db, IVolumeHosts hosts, VolumeAction action, CancellationToken ct)
    {
        var asked = await db.Volumes.FindVisibleAsync(caller, id, ct);
        asked.RequireStill("migrated");
        var to = await hosts.ChooseOtherAsync(asked.HostName!, request?.Host, ct);
        return await action.RunAsync<VolumeMigrateSaga>(id, caller, ifMatch, wait, context, "migrating", async (volume, now) =>
        {
            await BeginAsync(db, volume, now, ct);
            return new VolumeSagaData(volume.Id, From: volume.HostName, To: to.Name);
        }, ct);
    }

    /// <summary>From here on nothing else is done with the volume.</summary>
    /// <exception cref="CloudException">An instance has it, or something is under way with it or a snapshot of it.</exception>
    public static async Task BeginAsync(BlockStorageDbContext db, Volume volume, DateTimeOffset now, CancellationToken ct)
    {
        volume.BeginMigrateAlone(now);
        await db.RequireSnapshotsAtRestAsync([volume.Id], ct);
    }
}
