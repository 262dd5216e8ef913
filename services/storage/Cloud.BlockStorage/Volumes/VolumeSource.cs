using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.BlockStorage.Volumes;

/// <summary>What a new volume is made of.</summary>
/// <param name="SizeBytes">The least that the volume must have; null for a blank one.</param>
/// <param name="Host">Where the source lies, and the volume then too; null for anywhere.</param>
internal sealed record VolumeSource(long? SizeBytes, string? Host, string? Image, string? Snapshot, string? Volume)
{
    /// <exception cref="CloudException">There is no such source, or more than one is asked for.</exception>
    public static async Task<VolumeSource> FindAsync(
        CreateVolumeRequest request, Caller caller, BlockStorageDbContext db, IVolumeHosts hosts, CancellationToken ct)
    {
        if (new[] { request.Image, request.Snapshot, request.Volume }.Count(source => source is not null) > 1)
        {
            throw CloudException.Invalid("image", "A volume is made of an image, a snapshot or a volume: give one of them.");
        }

        if (request.Image is { } imageName)
        {
            var image = await hosts.FindImageAsync(caller.Project, imageName, ct)
                ?? throw CloudException.Invalid("image", $"There is no image '{imageName}' that is ready.");
            return new VolumeSource(image.SizeBytes, null, image.Id, null, null);
        }

        if (request.Snapshot is { } snapshotId)
        {
            var snapshot = await db.Snapshots.FindOrDefaultAsync(caller, snapshotId, ct)
                ?? throw CloudException.Invalid("snapshot", $"There is no snapshot '{snapshotId}'.");
            snapshot.RequireAvailable();
            return new VolumeSource(snapshot.SizeBytes, snapshot.HostName, null, snapshot.Id.Value, null);
        }

        if (request.Volume is { } volumeId)
        {
            var volume = await db.Volumes.FindOrDefaultAsync(caller, volumeId, ct)
                ?? throw CloudException.Invalid("volume", $"There is no volume '{volumeId}'.");
            volume.RequireBytes();
            return new VolumeSource(volume.SizeBytes, volume.HostName, null, null, volume.Id.Value);
        }

        return new VolumeSource(null, null, null, null, null);
    }
}
