namespace Cloud.BlockStorage.Snapshots;

/// <summary>What every saga of a snapshot carries: which one. All else is in the row.</summary>
/// <param name="Others">For a take: those that are taken at the same instant.</param>
/// <param name="Root">For a take: the snapshot of a root disk that is taken with them; null for none.</param>
public sealed record SnapshotSagaData(SnapshotId Snapshot, IReadOnlyList<SnapshotId>? Others = null, RootSnapshot? Root = null)
{
    /// <summary>All of them.</summary>
    internal IReadOnlyList<SnapshotId> All => [Snapshot, .. Others ?? []];
}

/// <summary>A snapshot of an instance's root disk, which has no row here: compute's host knows it.</summary>
public sealed record RootSnapshot(string Instance, string Snapshot);
