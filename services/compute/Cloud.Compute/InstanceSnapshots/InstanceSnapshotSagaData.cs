namespace Cloud.Compute.InstanceSnapshots;

/// <summary>What every saga of a snapshot carries: which one. All else is in the row.</summary>
public sealed record InstanceSnapshotSagaData(InstanceSnapshotId Snapshot);
