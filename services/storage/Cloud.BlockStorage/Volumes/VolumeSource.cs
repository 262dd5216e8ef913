using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.BlockStorage.Volumes;

/// <summary>What a new volume is made of.</summary>
/// <param name="SizeBytes">The least that the volume must have; null for a blank one.</param>
/// <param name="Encrypted">Whether the source is.</param>
/// <param name="Host">Where the source lies, and the volume then too; null for anywhere.</param>
internal sealed record VolumeSource(long? SizeBytes, bool Encrypted, string? Host, string? Image, string? Snapshot, string? Volume)
{
    private bool IsBlank => this is { Image: null, Snapshot: null, Volume: null };

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
            return new VolumeSource(image.SizeBytes, false, null, image.Id, null, null);
        }

        if (request.Snapshot is { } snapshotId)
        {
            var snapshot = await db.Snapshots.FindOrDefaultAsync(caller, snapshotId, ct)
                ?? throw CloudException.Invalid("snapshot", $"There is no snapshot '{snapshotId}'.");
            snapshot.RequireAvailable();
            return new VolumeSource(snapshot.SizeBytes, snapshot.Encrypted, snapshot.HostName, null, snapshot.Id.Value, null);
        }

        if (request.Volume is { } volumeId)
        {
            var volume = await db.Volumes.FindOrDefaultAsync(caller, volumeId, ct)
                ?? throw CloudException.Invalid("volume", $"There is no volume '{volumeId}'.");
            volume.RequireBytes();
            return new VolumeSource(volume.SizeBytes, volume.Encrypted, volume.HostName, null, null, volume.Id.Value);
        }

        return new VolumeSource(null, false, null, null, null, null);
    }

    /// <exception cref="CloudException">A volume of this source cannot be what is asked for.</exception>
    public void Check(CreateVolumeRequest request)
    {
        var errors = new FieldErrors();
        errors.Require(Enum.IsDefined(request.Format), "format", "Expected qcow2 or raw.");
        errors.Require(request.Format != VolumeFormat.Raw || IsBlank, "format", "Only a blank volume is raw.");
        errors.Require(request.Type != VolumeType.Log || request.Format == VolumeFormat.Raw, "format", "A volume of type log is raw.");
        errors.Require(
            request.Type != VolumeType.Log || request is { OperationsPerSecond: null, BytesPerSecond: null }, "type",
            "A volume of type log has no limits.");
        errors.Require(request.Format != VolumeFormat.Raw || request.Encrypted != true, "format", "An encrypted volume is qcow2.");
        errors.Require(!Encrypted || request.Encrypted != false, "encrypted", "Its source is encrypted, and a copy of it always is.");
        errors.Require(
            Encrypted || request.Encrypted != true || IsBlank || Image is not null, "encrypted",
            "Its source is not encrypted, and a copy shares what that holds. Make a blank one and write the content to it.");
        errors.ThrowIfAny();
    }
}
