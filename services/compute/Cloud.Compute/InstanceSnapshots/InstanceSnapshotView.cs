using Cloud.Compute.Instances;
using Cloud.Primitives;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>An instance's snapshot as the API shows it.</summary>
/// <param name="Instance">What it was taken of.</param>
/// <param name="StoredBytes">What memory and devices take on the host's disk; the root disk's bytes are shared with the instance.</param>
public sealed record InstanceSnapshotView(
    InstanceSnapshotId Id, string Name, Labels Labels, InstanceId Instance, InstanceSnapshotStatus Status, string? StatusReason,
    long StoredBytes, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static InstanceSnapshotView From(InstanceSnapshot snapshot) => new(
        snapshot.Id, snapshot.Name, snapshot.Labels, snapshot.Instance, snapshot.Status, snapshot.StatusReason, snapshot.StoredBytes,
        snapshot.CreatedAt, snapshot.UpdatedAt);
}
