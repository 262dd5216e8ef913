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

    public async Task<StoredGuestSnapshot> SnapshotAsync(string id, string snapshot, CancellationToken ct)
    {
        if (!GuestFolder.IsName(snapshot))
        {
            throw CloudException.Invalid("snapshot", "Expected lower-case letters, digits and '-'.");
        }

        var guest = await RequireAsync(id, ct);
        StoredGuestSnapshot? taken = null;
        await ByEngineAsync(async () => taken = (await guest.SnapshotAsync(snapshot, ct)).ToStored());
        return taken!;
    }

    public async Task<GuestReport> RestoreAsync(string id, string snapshot, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        var nic = await network.JoinAsync(guest.Spec, guest.Folder.Presence, ct);
        await ByEngineAsync(() => guest.RestoreAsync(snapshot, nic, ct));
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
    }

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
        _arrivals.Values.Select(arrival => arrival.Guest.Root).Concat(_guests.Values.Select(guest => guest.Root)));
}
