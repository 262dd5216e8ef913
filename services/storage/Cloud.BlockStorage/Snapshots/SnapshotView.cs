using Cloud.BlockStorage.Volumes;
using Cloud.Primitives;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>A snapshot as the API shows it.</summary>
/// <param name="Volume">What it was taken of; that may be gone.</param>
/// <param name="SizeBytes">The volume's size when it was taken.</param>
/// <param name="FileSystemsFrozen">The guest had written everything down; otherwise it is as after a power cut.</param>
public sealed record SnapshotView(
    SnapshotId Id, string Name, Labels Labels, VolumeId Volume, SnapshotStatus Status, string? StatusReason, long SizeBytes,
    bool Encrypted, bool FileSystemsFrozen, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static SnapshotView From(Snapshot snapshot) => new(
        snapshot.Id, snapshot.Name, snapshot.Labels, snapshot.Volume, snapshot.Status, snapshot.StatusReason, snapshot.SizeBytes,
        snapshot.Encrypted, snapshot.FileSystemsFrozen, snapshot.CreatedAt, snapshot.UpdatedAt);
}
