using Cloud.BlockStorage.Snapshots;

namespace Cloud.BlockStorage.Volumes;

/// <summary>What every saga of a volume carries: which one. All else is in the row.</summary>
/// <param name="Force">For a detach: a guest that does not let go is reset.</param>
/// <param name="Snapshot">For a restore: what the volume becomes again.</param>
/// <param name="Safety">For a restore: the snapshot of what it was before.</param>
/// <param name="From">For a migration: the host that has it.</param>
/// <param name="To">For a migration: the host that is to have it.</param>
public sealed record VolumeSagaData(
    VolumeId Volume, bool Force = false, SnapshotId? Snapshot = null, SnapshotId? Safety = null, string? From = null, string? To = null);
