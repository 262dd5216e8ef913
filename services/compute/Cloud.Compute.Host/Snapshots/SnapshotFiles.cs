using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;
using Cloud.Compute.Host.Volumes;
using Cloud.Primitives;
using Cloud.Vmm;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Host.Snapshots;

/// <summary>
/// The snapshots of this host's guests on its disk, and the files that root disks are made of once they were snapshotted: guests and
/// snapshots share them. A file that none names is swept.
/// <code>
/// snapshots/snapshots/isnap-…/state            memory and devices
///                             snapshot.json    written last: without it the folder is no snapshot
///           layers/…                           qcow2; what each lies over is said by guests and snapshots alone
/// </code>
/// </summary>
internal sealed class SnapshotFiles : IDisposable
{
    private const string RecordName = "snapshot.json";
    private const string StateName = "state";

    private readonly string _folder;
    private readonly ConcurrentDictionary<string, GuestSnapshotRecord> _snapshots = new(StringComparer.Ordinal);

    // Kept in memory while machines are started from them; an agent that is started anew makes them anew.
    private readonly ConcurrentDictionary<string, VmTemplate> _templates = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _oneTemplate = new(1, 1);

    // A file that is made and not named yet is not swept, nor one that others are merged into.
    private readonly ConcurrentDictionary<string, bool> _new = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _building = new(StringComparer.Ordinal);
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public SnapshotFiles(IOptions<HostOptions> options)
    {
        _folder = Path.Combine(options.Value.Folder, "snapshots");
        Directory.CreateDirectory(LayersFolder);
        foreach (var path in Directory.CreateDirectory(Path.Combine(_folder, "snapshots")).EnumerateDirectories())
        {
            if (File.Exists(Path.Combine(path.FullName, RecordName)))
            {
                _snapshots[path.Name] = JsonSerializer.Deserialize<GuestSnapshotRecord>(
                    File.ReadAllBytes(Path.Combine(path.FullName, RecordName)))!;
            }
            else
            {
                path.Delete(recursive: true);
            }
        }
    }

    /// <summary>Held while a snapshot's files are given to a guest, or are looked through for those that nobody names.</summary>
    public Lock Naming { get; } = new();

    public IEnumerable<GuestSnapshotRecord> Snapshots => _snapshots.Values;

    private string LayersFolder => Path.Combine(_folder, "layers");

    public GuestSnapshotRecord? Find(string id) => _snapshots.GetValueOrDefault(id);

    /// <exception cref="CloudException">There is none of this id.</exception>
    public GuestSnapshotRecord Require(string id) => Find(id) ?? throw CloudException.NotFound("snapshot", id);

    /// <summary>How large the root disk was.</summary>
    public long RootBytesOf(string id)
    {
        lock (Naming)
        {
            return DiskFile.VirtualBytes(PathOf(Require(id).Layers[0]), DiskFile.Qcow2);
        }
    }

    /// <summary>Ends when a snapshot came or went since the last call.</summary>
    public async Task ChangedAsync(CancellationToken ct) => await _changed.Reader.ReadAsync(ct);

    public string PathOf(string layer) => Path.Combine(LayersFolder, layer);

    /// <summary>A file with its format, which its name ends with.</summary>
    public VmDiskLayer Open(string layer) => new(
        PathOf(layer), layer.EndsWith(".raw", StringComparison.Ordinal) ? VmDiskFormat.Raw : VmDiskFormat.Qcow2);

    /// <summary>Files that come from another host: they are not swept until they <see cref="Arrived"/>.</summary>
    public void Expect(IEnumerable<string> layers)
    {
        foreach (var layer in layers)
        {
            _building[layer] = true;
        }
    }

    /// <summary>Snapshots name the files that came, or they are not wanted any more.</summary>
    public void Arrived(IEnumerable<string> layers)
    {
        foreach (var layer in layers)
        {
            _building.TryRemove(layer, out _);
        }
    }

    /// <summary>Where the state of a snapshot lies.</summary>
    public string StateOf(string id) => Path.Combine(FolderOf(id), StateName);

    /// <summary>The file to keep a state in, which is not there; a half-made one of before is gone.</summary>
    public string NewState(string id)
    {
        Remove(id);
        Directory.CreateDirectory(FolderOf(id));
        return StateOf(id);
    }

    /// <summary>Durable when this ends: the state first, then the record that makes it a snapshot.</summary>
    public void Put(GuestSnapshotRecord snapshot)
    {
        using (var state = File.OpenHandle(snapshot.State.Path, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.FlushToDisk(state);
        }

        DurableFile.Write(Path.Combine(FolderOf(snapshot.Id), RecordName), JsonSerializer.SerializeToUtf8Bytes(snapshot));
        _snapshots[snapshot.Id] = snapshot;
        _changed.Writer.TryWrite(true);
    }

    /// <summary>Has all snapshots that lie over several files lie over one that has what they have.</summary>
    public void ReplaceLayers(IReadOnlyList<string> run, string merged)
    {
        lock (Naming)
        {
            foreach (var snapshot in Snapshots.ToList())
            {
                if (MergePlan.Replace(snapshot.Layers, run, merged) is { } layers)
                {
                    Put(snapshot with { Layers = layers });
                }
            }
        }
    }

    /// <summary>The snapshot laid out for many machines: made at the first call, kept until the snapshot is removed.</summary>
    public async Task<VmTemplate> TemplateOfAsync(string id, Func<Task<VmTemplate>> make, CancellationToken ct)
    {
        await _oneTemplate.WaitAsync(ct);
        try
        {
            return _templates.TryGetValue(id, out var made) ? made : _templates[id] = await make();
        }
        finally
        {
            _oneTemplate.Release();
        }
    }

    public void Remove(string id)
    {
        _snapshots.TryRemove(id, out _);
        if (_templates.TryRemove(id, out var template))
        {
            template.Dispose();
        }

        if (Directory.Exists(FolderOf(id)))
        {
            File.Delete(Path.Combine(FolderOf(id), RecordName));
            Directory.Delete(FolderOf(id), recursive: true);
        }
    }

    /// <summary>A new empty file to be laid over another.</summary>
    public string CreateOverlay(long sizeBytes)
    {
        var layer = NewName();
        Qcow2File.Create(PathOf(layer), sizeBytes);
        return layer;
    }

    /// <summary>A new empty file that others are merged into; it is not swept until it is said to be <see cref="Built"/>.</summary>
    /// <param name="newest">The nearest of them, which it is to who compares snapshots of the disk.</param>
    public string CreateMerged(string newest, long sizeBytes)
    {
        var layer = $"{LayerFile.PartOf(newest)}{LayerFile.MergedMark}{Guid.CreateVersion7():n}.qcow2";
        _building[layer] = true;
        Qcow2File.Create(PathOf(layer), sizeBytes);
        return layer;
    }

    /// <summary>Guests and snapshots name the file, or it is not wanted any more.</summary>
    public void Built(string layer) => _building.TryRemove(layer, out _);

    /// <summary>Gives a guest's own file a second name here, for it to be shared.</summary>
    public string Share(string path)
    {
        var layer = NewName();
        HardLink.Create(path, PathOf(layer));
        return layer;
    }

    /// <summary>Gives a file of a volume's snapshot a second name here: a root disk goes on from it.</summary>
    public string ShareNamed(string path)
    {
        var layer = Path.GetFileName(path);
        _new[layer] = true;
        if (!File.Exists(PathOf(layer)))
        {
            HardLink.Create(path, PathOf(layer));
        }

        return layer;
    }

    /// <summary>Removes the files that neither a guest nor a snapshot names.</summary>
    public void Sweep(IEnumerable<GuestRoot> roots)
    {
        lock (Naming)
        {
            // In this order, so that one that is named meanwhile is seen as new or as named.
            var onDisk = Directory.EnumerateFiles(LayersFolder).ToList();
            var kept = _new.Keys.Concat(_building.Keys).SelectMany(layer => new[] { layer, $"{layer}.new" })
                .ToHashSet(StringComparer.Ordinal);
            kept.UnionWith(roots.SelectMany(root => root.Next is { } next ? root.Layers.Append(next) : root.Layers));
            kept.UnionWith(Snapshots.SelectMany(snapshot => snapshot.Layers));
            foreach (var path in onDisk.Where(path => !kept.Contains(Path.GetFileName(path))))
            {
                File.Delete(path);
            }
        }

        _changed.Writer.TryWrite(true);
    }

    /// <summary>A guest names these from now on.</summary>
    public void AreNamed(GuestRoot root)
    {
        foreach (var layer in root.Next is { } next ? root.Layers.Append(next) : root.Layers)
        {
            _new.TryRemove(layer, out _);
        }
    }

    public void Dispose()
    {
        foreach (var template in _templates.Values)
        {
            template.Dispose();
        }

        _oneTemplate.Dispose();
    }

    private string NewName()
    {
        var layer = $"{Guid.CreateVersion7():n}.qcow2";
        _new[layer] = true;
        return layer;
    }

    private string FolderOf(string id) => Path.Combine(_folder, "snapshots", id);
}
