namespace Cloud.BlockStorage.Snapshots;

/// <summary>What every saga of a snapshot carries: which one. All else is in the row.</summary>
/// <param name="Others">For a take: those that are taken at the same instant.</param>
public sealed record SnapshotSagaData(SnapshotId Snapshot, IReadOnlyList<SnapshotId>? Others = null)
{
    /// <summary>All of them.</summary>
    internal IReadOnlyList<SnapshotId> All => [Snapshot, .. Others ?? []];
}
