using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;
using Cloud.Compute.Host.Snapshots;
using Cloud.Primitives;
using Cloud.Vmm;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Host.Volumes;

/// <summary>
/// The volumes and snapshots of this host on its disk: records that are replaced whole, and files that only records name. A file
/// that no record names is swept, so a crash anywhere leaves nothing half made. Changes are made in a turn.
/// <code>
/// volumes/volumes/vol-….json     its size and its files, the written one first
///         snapshots/snap-….json  the files of that instant
///         incoming/vol-….qcow2   what comes in for a volume, until all of it was checked and written to the volume
///         files/…                qcow2 or raw; what each lies over is said by the records alone
///         files/….parts          beside one that was merged: what it was merged from
/// </code>
/// </summary>
internal sealed class VolumeFiles : IDisposable
{
    private readonly string _folder;
    private readonly MasterKey _master;
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    // A file that is written and not named yet is not swept.
    private readonly ConcurrentDictionary<LayerFile, bool> _building = new();
    private readonly ConcurrentDictionary<string, VolumeRecord> _volumes;
    private readonly ConcurrentDictionary<string, SnapshotRecord> _snapshots;

    public VolumeFiles(IOptions<HostOptions> options)
    {
        _master = new MasterKey(options.Value.VolumeKeyFile);
        _folder = Path.Combine(options.Value.Folder, "volumes");
        BlockServer.EndLeftovers(options.Value.Folder);
        _volumes = Read<VolumeRecord>("volumes", volume => volume.Id);
        _snapshots = Read<SnapshotRecord>("snapshots", snapshot => snapshot.Id);
        Directory.CreateDirectory(FilesFolder);
        foreach (var path in Directory.CreateDirectory(IncomingFolder).EnumerateFiles().Where(
            file => FindVolume(Path.GetFileNameWithoutExtension(file.Name)) is null))
        {
            path.Delete();
        }

        if (_master.HasOthers)
        {
            Rewrap();
        }

        Sweep();
    }

    public IEnumerable<VolumeRecord> Volumes => _volumes.Values;

    public IEnumerable<SnapshotRecord> Snapshots => _snapshots.Values;

    private string FilesFolder => Path.Combine(_folder, "files");

    private string IncomingFolder => Path.Combine(_folder, "incoming");

    public VolumeRecord? FindVolume(string id) => _volumes.GetValueOrDefault(id);

    public SnapshotRecord? FindSnapshot(string id) => _snapshots.GetValueOrDefault(id);

    /// <summary>The right to change something; one at a time.</summary>
    public async Task<IDisposable> TurnAsync(CancellationToken ct) => await Turn.TakeAsync(_one, ct);

    /// <summary>A volume as a machine that does not have it yet is given it.</summary>
    /// <exception cref="CloudException">There is none of this id.</exception>
    public VmDisk DiskOf(GuestVolume volume)
    {
        var record = FindVolume(volume.Volume) ?? throw CloudException.NotFound("volume", volume.Volume);
        Settle(record, open: null);
        record = FindVolume(volume.Volume)!;
        return new VmDisk
        {
            Serial = volume.Serial,
            Path = PathOf(record.Layers[0]),
            Format = FormatOf(record.Layers[0]),
            Key = Open(record.Layers[0]).Key,
            Backing = record.Layers.Skip(1).Select(Open).ToList(),
            ReadOnly = volume.ReadOnly,
            WriteThrough = record.Layers[0].WriteThrough,
            Limits = volume is { OperationsPerSecond: null, BytesPerSecond: null }
                ? null
                : new VmDiskLimits(volume.OperationsPerSecond, volume.BytesPerSecond),
        };
    }

    /// <summary>
    /// Says whether the file that was to be laid on top is. A guest that runs knows; where none does, an empty file on top changes nothing,
    /// and one that is not empty was on top.
    /// </summary>
    /// <param name="volume">The volume as it is.</param>
    /// <param name="open">Whether a running guest has that file open; null where none does.</param>
    public void Settle(VolumeRecord volume, bool? open)
    {
        if (volume.Next is { } next)
        {
            Put(open == false ? volume with { Next = null } : volume.Under(next));
        }
    }

    public string PathOf(LayerFile layer) => PathOf(layer.Name);

    public string PathOf(string name) => Path.Combine(FilesFolder, name);

    /// <summary>The file with what opens it.</summary>
    public VmDiskLayer Open(LayerFile layer) => new(
        PathOf(layer), FormatOf(layer), layer.Key is { } key ? new VmDiskKey(_master.Unwrap(key.Wrapped)) : null);

    /// <summary>A key for a new volume.</summary>
    public LayerKey NewKey() => new($"{Guid.CreateVersion7():n}", _master.Wrap(MasterKey.NewPassphrase()));

    /// <summary>What a key is, for a host that its files go to.</summary>
    public string Unwrap(LayerKey key) => _master.Unwrap(key.Wrapped);

    /// <summary>A key of files that came from another host, as this one keeps it.</summary>
    public string Wrap(string passphrase) => _master.Wrap(passphrase);

    /// <summary>The present master key, as the file has it.</summary>
    public string MasterKeyText => _master.Text;

    /// <summary>Has all keys wrapped by a new master key, and forgets the one before.</summary>
    public void RotateMasterKey()
    {
        _master.Add();
        Rewrap();
    }

    /// <summary>What a merged file's parts are told by.</summary>
    public string PartsPathOf(LayerFile layer) => PathOf(layer) + ".parts";

    /// <summary>The qcow2 file that comes in for a volume.</summary>
    public string IncomingOf(string volume) => Path.Combine(IncomingFolder, $"{volume}.qcow2");

    /// <summary>How much of the host's disk is free.</summary>
    public long FreeBytes => new DriveInfo(_folder).AvailableFreeSpace;

    /// <summary>Ends when a snapshot came or something was removed since the last call.</summary>
    public async Task ChangedAsync(CancellationToken ct) => await _changed.Reader.ReadAsync(ct);

    public void Put(VolumeRecord volume)
    {
        Write("volumes", volume.Id, volume);
        _volumes[volume.Id] = volume;
    }

    public void Put(SnapshotRecord snapshot)
    {
        Write("snapshots", snapshot.Id, snapshot);
        _snapshots[snapshot.Id] = snapshot;
        _changed.Writer.TryWrite(true);
    }

    public void RemoveVolume(string id)
    {
        File.Delete(IncomingOf(id));
        DurableFile.Delete(RecordPath("volumes", id));
        _volumes.TryRemove(id, out _);
        Sweep();
    }

    public void RemoveSnapshot(string id)
    {
        DurableFile.Delete(RecordPath("snapshots", id));
        _snapshots.TryRemove(id, out _);
        Sweep();
    }

    /// <summary>A new empty file to be laid over another, or to stand alone.</summary>
    public async Task<LayerFile> CreateOverlayAsync(long sizeBytes, LayerKey? key, CancellationToken ct)
    {
        var layer = new LayerFile($"{Guid.CreateVersion7():n}.qcow2", DiskFile.Qcow2) { Key = key };
        await CreateAsync(layer, sizeBytes, ct);
        return layer;
    }

    /// <summary>A new empty file that others are to be merged into; it is not swept until it is said to be <see cref="Built"/>.</summary>
    public async Task<LayerFile> CreateMergedAsync(
        long sizeBytes, IReadOnlyList<string> parts, LayerKey? key, CancellationToken ct)
    {
        var layer = new LayerFile($"{Guid.CreateVersion7():n}.qcow2", DiskFile.Qcow2) { Merged = parts, Key = key };
        _building[layer] = true;
        await CreateAsync(layer, sizeBytes, ct);
        return layer;
    }

    /// <summary>Records name the file, or it is not wanted any more.</summary>
    public void Built(LayerFile layer)
    {
        _building.TryRemove(layer, out _);
        Sweep();
    }

    /// <summary>Files that come from another host: they are not swept until they <see cref="Arrived"/>.</summary>
    public void Expect(IEnumerable<LayerFile> layers)
    {
        foreach (var layer in layers)
        {
            _building[layer] = true;
        }
    }

    /// <summary>The same of one that gets a new name here, and is one file whatever it was made of.</summary>
    public LayerFile ExpectNew(LayerFile like)
    {
        var layer = like with { Name = $"{Guid.CreateVersion7():n}.{like.Format}", Merged = null };
        Expect([layer]);
        return layer;
    }

    /// <summary>Records name the files that came, or they are not wanted any more.</summary>
    public void Arrived(IEnumerable<LayerFile> layers)
    {
        foreach (var layer in layers)
        {
            _building.TryRemove(layer, out _);
        }

        Sweep();
    }

    /// <summary>Gives a file of a guest's root disk a second name here, for a snapshot of that disk.</summary>
    public LayerFile Share(string path)
    {
        var layer = LayerFile.OfRoot(Path.GetFileName(path));
        if (!File.Exists(PathOf(layer)))
        {
            HardLink.Create(path, PathOf(layer));
        }

        return layer;
    }

    /// <summary>A new empty raw file, which takes only what is written.</summary>
    public LayerFile CreateRaw(long sizeBytes, bool writeThrough)
    {
        var layer = new LayerFile($"{Guid.CreateVersion7():n}.raw", "raw") { WriteThrough = writeThrough };
        using (var file = File.OpenHandle(PathOf(layer), FileMode.CreateNew, FileAccess.Write))
        {
            RandomAccess.SetLength(file, sizeBytes);
        }

        QemuImg.Keep(PathOf(layer), PathOf(layer));
        return layer;
    }

    /// <summary>A copy of an image's disk, which the volumes made of it share: an image can be deleted, its volumes stay.</summary>
    public async Task<LayerFile> CopyImageAsync(GuestImage image, CancellationToken ct)
    {
        var from = Path.GetFullPath(Path.Combine(image.Folder, image.Disk));
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(from)).AsSpan(0, 8));
        var layer = new LayerFile($"image-{name}.{image.DiskFormat}", image.DiskFormat);
        var path = PathOf(layer);
        if (!File.Exists(path))
        {
            var beside = path + ".new";
            await Task.Run(() => File.Copy(from, beside, overwrite: true), ct);
            QemuImg.Keep(beside, path);
        }

        return layer;
    }

    /// <summary>Removes the files that no record names.</summary>
    public void Sweep()
    {
        var named = Volumes.SelectMany(volume => volume.Next is { } next ? volume.Layers.Append(next) : volume.Layers)
            .Concat(Snapshots.SelectMany(snapshot => snapshot.Layers))
            .Concat(_building.Keys)
            .SelectMany(layer => new[] { layer.Name, Path.GetFileName(PartsPathOf(layer)), layer.Key is { } key ? BlankOf(key) : "" })
            .ToHashSet(StringComparer.Ordinal);
        named.UnionWith(_building.Keys.SelectMany(layer => new[] { $"{layer.Name}.new", $"{Path.GetFileName(PartsPathOf(layer))}.new" }));
        foreach (var path in Directory.EnumerateFiles(FilesFolder).Where(path => !named.Contains(Path.GetFileName(path))))
        {
            File.Delete(path);
        }

        _changed.Writer.TryWrite(true);
    }

    public void Dispose() => _one.Dispose();

    /// <summary>The name of the empty file that all of a key begin as.</summary>
    private static string BlankOf(LayerKey key) => $"{key.Id}.blank";

    private async Task CreateAsync(LayerFile layer, long sizeBytes, CancellationToken ct)
    {
        if (layer.Key is not { } key)
        {
            Qcow2File.Create(PathOf(layer), sizeBytes);
            return;
        }

        var blank = Open(layer) with { Path = Path.Combine(FilesFolder, BlankOf(key)) };
        if (!File.Exists(blank.Path))
        {
            await QemuImg.CreateEncryptedAsync(blank, ct);
        }

        var beside = PathOf(layer) + ".new";
        File.Copy(blank.Path, beside, overwrite: true);
        await QemuImg.GrowAsync(blank with { Path = beside }, sizeBytes, ct);
        QemuImg.Keep(beside, PathOf(layer));
    }

    /// <summary>
    /// Has every key wrapped by the present master key: in what order does not matter, and from the start again after a crash.
    /// </summary>
    private void Rewrap()
    {
        foreach (var volume in Volumes.ToList())
        {
            Put(volume with
            {
                Layers = volume.Layers.Select(Rewrapped).ToList(),
                Next = volume.Next is { } next ? Rewrapped(next) : null,
            });
        }

        foreach (var snapshot in Snapshots.ToList())
        {
            Put(snapshot with { Layers = snapshot.Layers.Select(Rewrapped).ToList() });
        }

        _master.ForgetOthers();
    }

    private LayerFile Rewrapped(LayerFile layer) =>
        layer.Key is { } key && _master.Knows(key.Wrapped)
            ? layer with { Key = key with { Wrapped = _master.Wrap(_master.Unwrap(key.Wrapped)) } }
            : layer;

    private static VmDiskFormat FormatOf(LayerFile layer) => layer.Format == "raw" ? VmDiskFormat.Raw : VmDiskFormat.Qcow2;

    private string RecordPath(string kind, string id) => Path.Combine(_folder, kind, $"{id}.json");

    private void Write<T>(string kind, string id, T record) =>
        DurableFile.Write(RecordPath(kind, id), JsonSerializer.SerializeToUtf8Bytes(record));

    private ConcurrentDictionary<string, T> Read<T>(string kind, Func<T, string> id)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, kind)).FullName;
        var records = Directory.EnumerateFiles(folder, "*.json").Select(path => JsonSerializer.Deserialize<T>(File.ReadAllBytes(path))!);
        return new ConcurrentDictionary<string, T>(
            records.Select(record => KeyValuePair.Create(id(record), record)), StringComparer.Ordinal);
    }
}
