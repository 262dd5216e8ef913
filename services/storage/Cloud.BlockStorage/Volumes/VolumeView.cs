using Cloud.Primitives;

namespace Cloud.BlockStorage.Volumes;

/// <summary>A volume as the API shows it.</summary>
/// <param name="Host">The host that holds its bytes.</param>
/// <param name="Image">The image that it was made of, if any.</param>
/// <param name="Snapshot">The snapshot that it was made of, if any.</param>
/// <param name="Volume">The volume that it was made of, if any.</param>
/// <param name="Attachment">The instance that has it, is to get it or lets go of it; null for none.</param>
public sealed record VolumeView(
    VolumeId Id, string Name, Labels Labels, VolumeStatus Status, string? StatusReason, long SizeBytes, string? Host,
    string Type, bool Encrypted, VolumeFormat Format, string? Image, string? Snapshot, string? Volume,
    long? OperationsPerSecond, long? BytesPerSecond, bool DeletionProtection,
    VolumeAttachmentView? Attachment, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static VolumeView From(Volume volume) => new(
        volume.Id, volume.Name, volume.Labels, volume.Status, volume.StatusReason, volume.SizeBytes, volume.HostName,
        volume.Type, volume.Encrypted, volume.Format, volume.SourceImage, volume.SourceSnapshot, volume.SourceVolume,
        volume.OperationsPerSecond, volume.BytesPerSecond,
        volume.DeletionProtection,
        volume.Instance is { } instance
            ? new VolumeAttachmentView(
                instance, volume.Id.Serial, $"/dev/disk/by-id/virtio-{volume.Id.Serial}", volume.ReadOnly, volume.DeleteOnTermination,
                volume.AttachedAt)
            : null,
        volume.CreatedAt, volume.UpdatedAt);
}

/// <summary>A volume's attachment to an instance.</summary>
/// <param name="Serial">The disk's serial number in the guest.</param>
/// <param name="Device">Where a guest with udev finds the disk, or one of the cloud's own images.</param>
/// <param name="DeleteOnTermination">The volume is deleted with the instance.</param>
public sealed record VolumeAttachmentView(
    string Instance, string Serial, string Device, bool ReadOnly, bool DeleteOnTermination, DateTimeOffset? AttachedAt);
