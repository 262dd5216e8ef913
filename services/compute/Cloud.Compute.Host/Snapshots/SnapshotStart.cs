using Cloud.Vmm;

namespace Cloud.Compute.Host.Snapshots;

/// <summary>What a start goes on from.</summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="Template">The same, laid out for many machines; null where it is the guest's own.</param>
internal sealed record SnapshotStart(GuestSnapshotRecord Snapshot, VmTemplate? Template)
{
    public VmSpec GivenTo(VmSpec spec) => Template is null ? spec with { From = Snapshot.State } : spec with { Template = Template };
}
