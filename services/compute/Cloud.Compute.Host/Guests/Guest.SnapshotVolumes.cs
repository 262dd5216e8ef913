using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.Primitives;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// The volumes in a guest's snapshots: what each holds at that instant is a snapshot of the volume that goes with the guest's. Volumes that
/// the guest only reads are left as they are. Called by who has the turn to change volumes.
/// </summary>
internal sealed partial class Guest
{
    private IEnumerable<GuestVolume> WrittenVolumes => Spec.Volumes.Where(volume => !volume.ReadOnly);

    /// <summary>Makes the file that is to be laid over each volume, and says so in its record before it can be.</summary>
    /// <returns>What the volumes hold below those.</returns>
    private async Task<IReadOnlyList<SnapshotRecord>> LayOverVolumesAsync(
        IVirtualMachine machine, string id, Dictionary<string, VmDiskLayer> overlays, CancellationToken ct)
    {
        await SettleVolumesAsync(machine, ct);
        var kept = new List<SnapshotRecord>();
        foreach (var volume in WrittenVolumes)
        {
            var record = RequireVolume(volume.Volume);
            if (record.Layers.Count >= VolumeStore.LayersMax)
            {
                throw CloudException.Conflict(
                    HostErrors.TooManyLayers,
                    $"Volume {volume.Volume} lies over {VolumeStore.LayersMax} files that are still to be merged: try again later.");
            }

            var next = await _volumes.CreateOverlayAsync(record.SizeBytes, record.Layers[0].Key, ct);
            _volumes.Put(record with { Next = next });
            overlays[volume.Serial] = _volumes.Open(next);
            kept.Add(new SnapshotRecord(SnapshotOf(id, volume.Volume), volume.Volume, record.SizeBytes, false, record.Layers)
            {
                OfGuestSnapshot = id,
            });
        }

        return kept;
    }

    /// <summary>Whether files that were being laid over its volumes are: the machine knows.</summary>
    private async Task SettleVolumesAsync(IVirtualMachine machine, CancellationToken ct)
    {
        foreach (var volume in WrittenVolumes)
        {
            if (_volumes.FindVolume(volume.Volume) is { Next: { } next } record)
            {
                _volumes.Settle(record, await machine.HasDiskLayerAsync(volume.Serial, _volumes.PathOf(next), ct));
            }
        }
    }

    /// <summary>Devices of a state find theirs again: the same volumes, of the same size.</summary>
    private void RequireSameVolumes(GuestSnapshotRecord snapshot)
    {
        if (!Ids(snapshot.Volumes).SetEquals(Ids(Spec.Volumes)))
        {
            var had = snapshot.Volumes.Count == 0 ? "none" : string.Join(", ", snapshot.Volumes.Select(volume => volume.Volume));
            throw CloudException.Conflict(
                HostErrors.HasVolumes, $"The guest had other volumes when the snapshot was taken ({had}): attach and detach accordingly.");
        }

        if (WrittenVolumes.FirstOrDefault(
            volume => KeptOf(snapshot, volume).SizeBytes != RequireVolume(volume.Volume).SizeBytes) is { } grown)
        {
            throw CloudException.Conflict(HostErrors.Resized, $"Volume {grown.Volume} was given another size since.");
        }

        static HashSet<(string, string, bool)> Ids(IEnumerable<GuestVolume> volumes) =>
            volumes.Select(volume => (volume.Volume, volume.Serial, volume.ReadOnly)).ToHashSet();
    }

    /// <summary>A new file over what each volume held: the machine goes on from there.</summary>
    private async Task RestoreVolumesAsync(GuestSnapshotRecord snapshot, CancellationToken ct)
    {
        foreach (var volume in snapshot.Volumes.Where(volume => !volume.ReadOnly))
        {
            var (record, kept) = (RequireVolume(volume.Volume), KeptOf(snapshot, volume));
            var top = await _volumes.CreateOverlayAsync(kept.SizeBytes, record.Layers[0].Key, ct);
            _volumes.Put(record with { Layers = [top, .. kept.Layers], Next = null });
        }

        if (snapshot.Volumes.Count > 0)
        {
            _volumes.Sweep();
        }
    }

    private VolumeRecord RequireVolume(string id) => _volumes.FindVolume(id) ?? throw CloudException.NotFound("volume", id);

    private SnapshotRecord KeptOf(GuestSnapshotRecord snapshot, GuestVolume volume) =>
        _volumes.FindSnapshot(SnapshotOf(snapshot.Id, volume.Volume)) ?? throw CloudException.NotFound("snapshot", snapshot.Id);

    private static string SnapshotOf(string snapshot, string volume) => $"{snapshot}-{volume}";
}
