using Cloud.Compute.Host.Contracts;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Snapshots;

/// <summary>A guest's snapshot as its file <c>snapshot.json</c> tells it; none of its files is written any more.</summary>
/// <param name="Id">The snapshot; the guest's own id for what a suspended guest goes on from.</param>
/// <param name="Guest">The guest that it is of.</param>
/// <param name="Layers">The files of the root disk at that instant, the nearest first.</param>
/// <param name="State">Memory and devices.</param>
/// <param name="Vcpus">The guest's at that time.</param>
/// <param name="MemoryBytes">The guest's at that time.</param>
/// <param name="StoredBytes">The size of the state.</param>
/// <param name="Whole">The files of the root disk hold all of it: the image's is not below them.</param>
internal sealed record GuestSnapshotRecord(
    string Id, string Guest, IReadOnlyList<string> Layers, VmSavedState State, int Vcpus, long MemoryBytes, long StoredBytes,
    bool Whole = false)
{
    /// <summary>The guest's at that time; what they held is kept by <c>VolumeFiles</c>.</summary>
    public IReadOnlyList<GuestVolume> Volumes { get; init; } = [];

    public StoredGuestSnapshot ToStored() => new(Id, Guest, StoredBytes);
}
