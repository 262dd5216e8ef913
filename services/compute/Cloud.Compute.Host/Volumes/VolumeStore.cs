using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;
using Cloud.Primitives;
using Cloud.Switch.Client;

namespace Cloud.Compute.Host.Volumes;

/// <summary>This host's volumes for block storage: their files, and the guests that have them.</summary>
internal sealed class VolumeStore(VolumeFiles files, HostAgent agent, TimeProvider time) : IVolumeStore
{
    private const int SectorBytes = 512;

    /// <summary>Who snapshots faster than files are merged waits from here on: a machine opens all files of a chain.</summary>
    public const int LayersMax = 100;

    private static readonly TimeSpan MergeLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan MergeLook = TimeSpan.FromMilliseconds(50);

    private readonly VolumeContent _content = new(files, agent, time);
    private readonly VolumeImport _import = new(files, agent, time);

    public async Task<StoredVolume> CreateVolumeAsync(VolumeSpec spec, CancellationToken ct)
    {
        Check(spec);
        await AwaitMergesAsync(spec.Volume is { } source ? [source] : [], ct);
        using var turn = await TurnAsync(ct);
        if (files.FindVolume(spec.Id) is null)
        {
            files.Put(new VolumeRecord { Id = spec.Id, SizeBytes = spec.SizeBytes, Layers = await MakeLayersAsync(spec, ct) });
        }

        return ToStored(files.FindVolume(spec.Id)!);
    }

    public async Task<IReadOnlyList<StoredVolume>> ListVolumesAsync(CancellationToken ct)
    {
        await agent.AdoptedAsync(ct);
        return files.Volumes.Select(ToStored).ToList();
    }

    public async Task<StoredVolume?> FindVolumeAsync(string volume, CancellationToken ct)
    {
        await agent.AdoptedAsync(ct);
        return files.FindVolume(volume) is { } record ? ToStored(record) : null;
    }

    public async Task<StoredVolume> ResizeVolumeAsync(string volume, long sizeBytes, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        await agent.SettleVolumeAsync(Require(volume), ct);
        var record = Require(volume);
        if (sizeBytes < record.SizeBytes || sizeBytes % SectorBytes != 0)
        {
            throw CloudException.Invalid("sizeBytes", $"Expected a multiple of {SectorBytes} of at least {record.SizeBytes}.");
        }

        if (agent.HolderOf(volume) is not { } guest || !await guest.GrowVolumeAsync(volume, sizeBytes, ct))
        {
            await QemuImg.GrowAsync(files.Open(record.Layers[0]), sizeBytes, ct);
        }

        files.Put(record with { SizeBytes = sizeBytes });
        return ToStored(Require(volume));
    }

    public async Task DeleteVolumeAsync(string volume, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        agent.RequireFree(volume);
        files.RemoveVolume(volume);
    }

    public async Task<IReadOnlyList<StoredSnapshot>> SnapshotVolumesAsync(
        IReadOnlyDictionary<string, string> snapshots, CancellationToken ct)
    {
        if (!snapshots.Values.All(GuestFolder.IsName))
        {
            throw CloudException.Invalid("snapshots", "Expected ids of lower-case letters, digits and '-'.");
        }

        await AwaitMergesAsync(snapshots.Keys, ct);
        using var turn = await TurnAsync(ct);
        var holders = snapshots.Keys.Select(one => agent.FindGuest(one) ?? agent.HolderOf(Require(one).Id)).Distinct().ToList();
        if (holders.Count > 1)
        {
            throw CloudException.Conflict("not-one-instance", "Volumes that are kept at one instant are all of one instance, or of none.");
        }

        // What a crash left of several is of another instant than the rest would be.
        if (snapshots.Values.Any(id => files.FindSnapshot(id) is null))
        {
            await LayOverAsync(snapshots, holders[0], ct);
        }

        return snapshots.Values.Select(id => files.FindSnapshot(id)!.ToStored()).ToList();
    }

    public async Task<IReadOnlyList<StoredSnapshot>> ListSnapshotsAsync(CancellationToken ct)
    {
        await agent.AdoptedAsync(ct);
        return files.Snapshots.Where(snapshot => snapshot.OfGuestSnapshot is null).Select(snapshot => snapshot.ToStored()).ToList();
    }

    public async Task DeleteSnapshotAsync(string snapshot, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        files.RemoveSnapshot(snapshot);
    }

    public async Task<StoredVolume> RestoreVolumeAsync(string volume, string snapshot, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        var record = Require(volume);
        agent.RequireFree(volume);
        var kept = files.FindSnapshot(snapshot) ?? throw CloudException.NotFound("snapshot", snapshot);
        var top = await files.CreateOverlayAsync(kept.SizeBytes, record.Layers[0].Key, ct);
        files.Put(record with { SizeBytes = kept.SizeBytes, Layers = [top, .. kept.Layers], Next = null });
        files.Sweep();
        return ToStored(Require(volume));
    }

    public Task StageAsync(string volume, long offset, Stream content, CancellationToken ct) =>
        _import.StageAsync(volume, offset, content, ct);

    public Task<long?> ImportAsync(string volume, long fileBytes, long from, CancellationToken ct) =>
        _import.RunAsync(volume, fileBytes, from, ct);

    public Task<GuestArrival> AwaitVolumeAsync(string volume, CancellationToken ct) => agent.AwaitVolumeAsync(volume, ct);

    public async Task SendVolumeAsync(string volume, GuestArrival to, CancellationToken ct)
    {
        await AwaitMergesAsync([volume], ct);
        await agent.SendVolumeAsync(volume, to, ct);
    }

    public Task KeepVolumeAsync(string volume, CancellationToken ct) => agent.KeepVolumeAsync(volume, ct);

    public Task ForgetVolumeAsync(string volume, CancellationToken ct) => agent.ForgetDepartedAsync(volume, [volume], ct);

    public async Task<StoredVolumeMetrics?> ReadVolumeMetricsAsync(string volume, CancellationToken ct)
    {
        await agent.AdoptedAsync(ct);
        if (files.FindVolume(volume) is not { } record)
        {
            return null;
        }

        var disk = agent.HolderOf(volume) is { } guest ? await guest.ReadVolumeMetricsAsync(volume, ct) : null;
        return new StoredVolumeMetrics(record.Layers.Sum(layer => SparseFile.StoredBytes(files.PathOf(layer))), record.Layers.Count, disk);
    }

    public async Task RotateMasterKeyAsync(CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        files.RotateMasterKey();
    }

    public async Task<VolumeMasterKey> ReadMasterKeyAsync(CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        return new VolumeMasterKey(files.MasterKeyText);
    }

    public Task<Stream> ReadContentAsync(string source, long offset, long lengthBytes, CancellationToken ct) =>
        _content.ReadAsync(source, offset, lengthBytes, ct);

    public Task WriteContentAsync(string volume, long offset, Stream content, CancellationToken ct) =>
        _content.WriteAsync(volume, offset, content, ct);

    public Task<VolumeExtents> ListExtentsAsync(string snapshot, string? since, long offset, int countMax, CancellationToken ct) =>
        _content.ListExtentsAsync(snapshot, since, offset, countMax, ct);

    /// <summary>
    /// Every disk gets a new file on top, and what was written until then is its snapshot. What is laid over is written down before:
    /// after a crash in between, the guest alone knows whether it writes to the new file already.
    /// </summary>
    /// <param name="wanted">The snapshots by their volumes; the guest's own id stands for its root disk.</param>
    private async Task LayOverAsync(IReadOnlyDictionary<string, string> wanted, Guest? guest, CancellationToken ct)
    {
        var overlays = new Dictionary<string, LayerFile>(StringComparer.Ordinal);
        foreach (var volume in wanted.Keys.Where(one => one != guest?.Spec.Id))
        {
            await agent.SettleVolumeAsync(Require(volume), ct);
            var record = Require(volume);
            overlays[volume] = await files.CreateOverlayAsync(record.SizeBytes, record.Layers[0].Key, ct);
            files.Put(record with { Next = overlays[volume] });
        }

        var frozen = false;
        if (guest is null)
        {
            PushAll();
        }
        else
        {
            var root = wanted.GetValueOrDefault(guest.Spec.Id);
            var image = root is null || guest.Root.Whole ? null : await files.CopyImageAsync(guest.RequireDiskImage(), ct);
            List<LayerFile> layers = [];
            frozen = await guest.LayDisksOverAsync(
                overlays.ToDictionary(one => one.Key, one => files.Open(one.Value), StringComparer.Ordinal), root is not null, of =>
                {
                    PushAll();
                    layers.AddRange(root is null ? [] : of.Select(files.Share));
                }, ct);
            if (root is not null)
            {
                files.Put(new SnapshotRecord(
                    root, guest.Spec.Id, DiskFile.VirtualBytes(files.PathOf(layers[0]), DiskFile.Qcow2), frozen,
                    image is null ? layers : [.. layers, image])
                {
                    OfRoot = true,
                });
            }
        }

        foreach (var volume in overlays.Keys)
        {
            var record = Require(volume);
            files.Put(new SnapshotRecord(wanted[volume], volume, record.SizeBytes, frozen, record.Layers.Skip(1).ToList()));
        }

        void PushAll()
        {
            foreach (var volume in overlays.Keys)
            {
                files.Settle(Require(volume), open: null);
            }
        }
    }

    /// <exception cref="CloudException">Files of a volume are too many still after a while.</exception>
    private async Task AwaitMergesAsync(IEnumerable<string> volumes, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (volumes.Any(volume => files.FindVolume(volume)?.Layers.Count >= LayersMax))
        {
            if (time.GetElapsedTime(began) > MergeLimit)
            {
                throw new CloudException(
                    ErrorKind.Unavailable, "volume-busy", "The volume's files are being merged, so often was it snapshotted. Try again.");
            }

            await Task.Delay(MergeLook, time, ct);
        }
    }

    private async Task<IReadOnlyList<LayerFile>> MakeLayersAsync(VolumeSpec spec, CancellationToken ct)
    {
        if (spec.Image is { } image)
        {
            var virtualBytes = DiskFile.VirtualBytes(Path.GetFullPath(Path.Combine(image.Folder, image.Disk)), image.DiskFormat);
            RequireSize(spec, virtualBytes, "the image's disk");
            var copy = await files.CopyImageAsync(image, ct);
            return [await files.CreateOverlayAsync(spec.SizeBytes, NewKey(), ct), copy];
        }

        if (spec.Snapshot is { } snapshot)
        {
            var kept = files.FindSnapshot(snapshot) ?? throw CloudException.NotFound("snapshot", snapshot);
            RequireSize(spec, kept.SizeBytes, "the snapshot");
            return [await files.CreateOverlayAsync(spec.SizeBytes, KeyOver(kept.Layers), ct), .. kept.Layers];
        }

        if (spec.Volume is { } volume)
        {
            RequireSize(spec, Require(volume).SizeBytes, "the volume");
            await LayOverAsync(
                new Dictionary<string, string> { [volume] = CloneSnapshotOf(spec.Id) }, agent.HolderOf(volume), ct);
            var kept = files.FindSnapshot(CloneSnapshotOf(spec.Id))!;
            var top = await files.CreateOverlayAsync(spec.SizeBytes, KeyOver(kept.Layers), ct);
            var layers = (IReadOnlyList<LayerFile>)[top, .. kept.Layers];
            files.Put(new VolumeRecord { Id = spec.Id, SizeBytes = spec.SizeBytes, Layers = layers });
            files.RemoveSnapshot(kept.Id);
            return layers;
        }

        return
        [
            spec.Format == "raw"
                ? files.CreateRaw(spec.SizeBytes, spec.WriteThrough)
                : await files.CreateOverlayAsync(spec.SizeBytes, NewKey(), ct),
        ];

        LayerKey? NewKey() => spec.Encrypted ? files.NewKey() : null;

        // A copy of what is encrypted is encrypted, by a key of its own.
        LayerKey? KeyOver(IReadOnlyList<LayerFile> layers) => layers[0].Key is null ? NewKey() : files.NewKey();
    }

    /// <summary>What a copy stands on until its own record does.</summary>
    private static string CloneSnapshotOf(string volume) => $"for-{volume}";

    private static void Check(VolumeSpec spec)
    {
        if (!GuestFolder.IsName(spec.Id))
        {
            throw CloudException.Invalid("id", "Expected lower-case letters, digits and '-'.");
        }

        if (spec.SizeBytes <= 0 || spec.SizeBytes % SectorBytes != 0)
        {
            throw CloudException.Invalid("sizeBytes", $"Expected a multiple of {SectorBytes}.");
        }

        if (spec is { WriteThrough: true, Format: not "raw" })
        {
            throw CloudException.Invalid("format", "A volume that is written through is raw.");
        }

        if (spec is { Encrypted: true, Format: "raw" })
        {
            throw CloudException.Invalid("format", "An encrypted volume is qcow2.");
        }

        var isBlank = spec is { Image: null, Snapshot: null, Volume: null };
        if (spec.Format is not DiskFile.Qcow2 && !(spec.Format == "raw" && isBlank))
        {
            throw CloudException.Invalid("format", "Expected qcow2, or raw for a blank volume.");
        }
    }

    private static void RequireSize(VolumeSpec spec, long leastBytes, string what)
    {
        if (spec.SizeBytes < leastBytes)
        {
            throw CloudException.Invalid("sizeBytes", $"Expected at least {leastBytes}, the size of {what}.");
        }
    }

    /// <exception cref="CloudException">There is none of this id, or it has gone to another host with its guest.</exception>
    private VolumeRecord Require(string id) => agent.HolderOf(id) is { Folder.Presence: PortPresence.Away }
        ? throw new CloudException(ErrorKind.Unavailable, HostErrors.Moving, "The volume goes to another host.")
        : files.FindVolume(id) ?? throw CloudException.NotFound("volume", id);

    private async Task<IDisposable> TurnAsync(CancellationToken ct)
    {
        await agent.AdoptedAsync(ct);
        return await files.TurnAsync(ct);
    }

    private StoredVolume ToStored(VolumeRecord record)
    {
        var top = record.Layers[0];
        return new StoredVolume(
            record.Id, record.SizeBytes, SparseFile.StoredBytes(files.PathOf(top)), top.Format, record.Layers.Count,
            agent.HolderOf(record.Id)?.Spec.Id);
    }
}
