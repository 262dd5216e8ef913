using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;
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
///         files/…                qcow2 or raw; what each lies over is said by the records alone
/// </code>
/// </summary>
internal sealed class VolumeFiles : IDisposable
{
    private readonly string _folder;
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly ConcurrentDictionary<string, VolumeRecord> _volumes;
    private readonly ConcurrentDictionary<string, SnapshotRecord> _snapshots;

    public VolumeFiles(IOptions<HostOptions> options)
    {
        _folder = Path.Combine(options.Value.Folder, "volumes");
        _volumes = Read<VolumeRecord>("volumes", volume => volume.Id);
        _snapshots = Read<SnapshotRecord>("snapshots", snapshot => snapshot.Id);
        Directory.CreateDirectory(FilesFolder);
        Sweep();
    }

    public IEnumerable<VolumeRecord> Volumes => _volumes.Values;

    public IEnumerable<SnapshotRecord> Snapshots => _snapshots.Values;

    private string FilesFolder => Path.Combine(_folder, "files");

    public VolumeRecord? FindVolume(string id) => _volumes.GetValueOrDefault(id);

    public SnapshotRecord? FindSnapshot(string id) => _snapshots.GetValueOrDefault(id);

    /// <summary>The right to change something; one at a time.</summary>
    public async Task<IDisposable> TurnAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        return new Turn(_one);
    }

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
            Backing = record.Layers.Skip(1).Select(layer => new VmDiskLayer(PathOf(layer), FormatOf(layer))).ToList(),
            ReadOnly = volume.ReadOnly,
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
    /// <param name="open">How many of its files a running guest has open; null where none does.</param>
    public void Settle(VolumeRecord volume, int? open)
    {
        if (volume.Next is { } next)
        {
            Put(open <= volume.Layers.Count ? volume with { Next = null } : volume.Under(next));
        }
    }

    public string PathOf(LayerFile layer) => Path.Combine(FilesFolder, layer.Name);

    public void Put(VolumeRecord volume)
    {
        Write("volumes", volume.Id, volume);
        _volumes[volume.Id] = volume;
    }

    public void Put(SnapshotRecord snapshot)
    {
        Write("snapshots", snapshot.Id, snapshot);
        _snapshots[snapshot.Id] = snapshot;
    }

    public void RemoveVolume(string id)
    {
        File.Delete(RecordPath("volumes", id));
        _volumes.TryRemove(id, out _);
        Sweep();
    }

    public void RemoveSnapshot(string id)
    {
        File.Delete(RecordPath("snapshots", id));
        _snapshots.TryRemove(id, out _);
        Sweep();
    }

    /// <summary>A new empty file to be laid over another, or to stand alone.</summary>
    public async Task<LayerFile> CreateOverlayAsync(long sizeBytes, CancellationToken ct)
    {
        var layer = new LayerFile($"{Guid.CreateVersion7():n}.qcow2", DiskFile.Qcow2);
        await QemuImg.CreateAsync(PathOf(layer), sizeBytes, ct);
        return layer;
    }

    /// <summary>A new empty raw file, which takes only what is written.</summary>
    public LayerFile CreateRaw(long sizeBytes)
    {
        var layer = new LayerFile($"{Guid.CreateVersion7():n}.raw", "raw");
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
            .Select(layer => layer.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(FilesFolder).Where(path => !named.Contains(Path.GetFileName(path))))
        {
            File.Delete(path);
        }
    }

    public void Dispose() => _one.Dispose();

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

    private sealed class Turn(SemaphoreSlim one) : IDisposable
    {
        public void Dispose() => one.Release();
    }
}
