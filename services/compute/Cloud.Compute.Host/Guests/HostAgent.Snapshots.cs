using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Host.Guests;

/// <summary>What the guests of this host were, kept and gone on from.</summary>
internal sealed partial class HostAgent
{
    public async Task<GuestReport> ResumeAsync(string id, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        var nic = await network.JoinAsync(guest.Spec, guest.Folder.Presence, ct);
        await ByEngineAsync(() => guest.ResumeAsync(nic, ct));
        return guest.Report();
    }

    public async Task<GuestReport> SuspendAsync(string id, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        await ByEngineAsync(() => guest.SuspendAsync(ct));
        return guest.Report();
    }

    public async Task<StoredGuestSnapshot> SnapshotAsync(string id, string snapshot, bool withVolumes, CancellationToken ct)
    {
        if (!GuestFolder.IsName(snapshot))
        {
            throw CloudException.Invalid("snapshot", "Expected lower-case letters, digits and '-'.");
        }

        var guest = await RequireAsync(id, ct);
        StoredGuestSnapshot? taken = null;
        using var turn = await VolumesTurnAsync(guest, ct);
        await ByEngineAsync(async () => taken = (await guest.SnapshotAsync(snapshot, withVolumes, ct)).ToStored());
        return taken!;
    }

    public async Task<GuestReport> RestoreAsync(string id, string snapshot, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        var nic = await network.JoinAsync(guest.Spec, guest.Folder.Presence, ct);
        using (await VolumesTurnAsync(guest, ct))
        {
            await ByEngineAsync(() => guest.RestoreAsync(snapshot, nic, ct));
        }

        SweepLayers();
        return guest.Report();
    }

    /// <summary>Those that were asked for; what suspended guests go on from is theirs alone.</summary>
    public async Task<IReadOnlyList<StoredGuestSnapshot>> ListGuestSnapshotsAsync(CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        return snapshots.Snapshots.Where(one => one.Id != one.Guest).Select(one => one.ToStored()).ToList();
    }

    public async Task DeleteGuestSnapshotAsync(string snapshot, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        if (snapshots.Find(snapshot) is { } found && found.Id != found.Guest)
        {
            snapshots.Remove(snapshot);
            SweepLayers();
        }

        await RemoveVolumesOfAsync(snapshot, ct);
    }

    /// <summary>What volumes held at the instant of a guest's snapshot goes with it.</summary>
    private async Task RemoveVolumesOfAsync(string snapshot, CancellationToken ct)
    {
        if (volumes.Snapshots.Any(kept => kept.OfGuestSnapshot == snapshot))
        {
            using var turn = await volumes.TurnAsync(ct);
            foreach (var kept in volumes.Snapshots.Where(kept => kept.OfGuestSnapshot == snapshot).ToList())
            {
                volumes.RemoveSnapshot(kept.Id);
            }
        }
    }

    /// <summary>The right to change volumes where the guest has any, before its own turn; null where it has none.</summary>
    private async Task<IDisposable?> VolumesTurnAsync(Guest guest, CancellationToken ct) =>
        guest.Spec.Volumes.Count > 0 ? await volumes.TurnAsync(ct) : null;

    public async Task<GuestReport> ReplaceRootAsync(string id, string snapshot, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        using (await volumes.TurnAsync(ct))
        {
            await guest.ReplaceRootAsync(snapshot, ct);
        }

        SweepLayers();
        return guest.Report();
    }

    public IEnumerable<Guest> Guests => _guests.Values;

    /// <summary>Removes files of root disks that neither a guest nor a snapshot names.</summary>
    public void SweepLayers() => snapshots.Sweep(
        _arrivals.Values.Select(arrival => arrival.Guest).OfType<Guest>().Concat(_guests.Values).Select(guest => guest.Root));
}
