using System.Text.Json;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Moves;

/// <summary>
/// Where luggage comes in. It is written down as coming before anything of it is there, is this host's just before what it came with is,
/// and is taken away where that does not come.
/// </summary>
/// <param name="folder">The arrival's.</param>
/// <param name="awaited">The ids of the volumes that it has to bring.</param>
internal sealed class LuggageRoom(string folder, IEnumerable<string> awaited, VolumeFiles volumes, SnapshotFiles snapshots)
{
    private readonly Dictionary<string, LayerFile> _tops = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LayerKey> _keys = new(StringComparer.Ordinal);
    private Luggage? _luggage;

    private string TagPath => Path.Combine(folder, LuggageTag.FileName);

    /// <summary>Takes in what is to come.</summary>
    /// <returns>The files that are not here.</returns>
    public async Task<IReadOnlyList<MoveFile>> TakeAsync(Stream content, long lengthBytes, CancellationToken ct)
    {
        using var text = new MemoryStream();
        await MoveOut.CopyAsync(content, text, lengthBytes, ct);
        var luggage = JsonSerializer.Deserialize<Luggage>(text.ToArray()) ?? throw new VmException("The luggage is empty.");
        Check(luggage);
        DurableFile.Write(TagPath, JsonSerializer.SerializeToUtf8Bytes(LuggageTag.Of(luggage)));
        var (below, root) = (luggage.VolumeLayers().ToList(), luggage.RootLayers().ToList());
        _luggage = luggage;
        using var turn = await volumes.TurnAsync(ct);
        volumes.Expect(below);
        snapshots.Expect(root);
        foreach (var volume in luggage.Volumes)
        {
            _tops[volume.Record.Id] = await MakeTopAsync(volume, ct);
        }

        return
        [
            .. below.SelectMany(NamesOf).Where(name => !File.Exists(volumes.PathOf(name)))
                .Select(name => new MoveFile(MoveWays.VolumeLayer, name)),
            .. root.Where(layer => !File.Exists(snapshots.PathOf(layer))).Select(layer => new MoveFile(MoveWays.Layer, layer)),
            .. luggage.Snapshots.Select(snapshot => new MoveFile(MoveWays.State, snapshot.Id)),
        ];
    }

    /// <summary>Where a file that comes belongs; null of one that is not awaited.</summary>
    public string? Find(MoveWay way) => (way.Name, way.File, _luggage) switch
    {
        (MoveWays.VolumeLayer, { } name, { } luggage) when luggage.VolumeLayers().SelectMany(NamesOf).Contains(name) =>
            volumes.PathOf(name),
        (MoveWays.Layer, { } name, { } luggage) when luggage.RootLayers().Contains(name) => snapshots.PathOf(name),
        (MoveWays.State, { } name, { } luggage) when luggage.Snapshots.Any(snapshot => snapshot.Id == name) => snapshots.NewState(name),
        (MoveWays.Top, { } name, _) when _tops.TryGetValue(name, out var top) => volumes.PathOf(top),
        _ => null,
    };

    /// <summary>Takes in a file.</summary>
    /// <param name="path">Where it belongs.</param>
    public async Task TakeFileAsync(string path, Stream content, CancellationToken ct)
    {
        var beside = Path.Combine(folder, "coming");
        await SparseCopy.ReceiveAsync(content, beside, ct);
        QemuImg.Keep(beside, path);
    }

    /// <summary>All files are here: what came is this host's, unless it is dropped.</summary>
    public async Task StowAsync(CancellationToken ct)
    {
        if (_luggage is not { } luggage)
        {
            return;
        }

        using var turn = await volumes.TurnAsync(ct);
        foreach (var kept in luggage.VolumeSnapshots)
        {
            volumes.Put(kept with { Layers = kept.Layers.Select(Mine).ToList() });
        }

        foreach (var (record, _) in luggage.Volumes)
        {
            volumes.Put(record with { Layers = [_tops[record.Id], .. record.Layers.Skip(1).Select(Mine)], Next = null, Leaves = false });
        }

        foreach (var snapshot in luggage.Snapshots)
        {
            snapshots.Put(snapshot with { State = snapshot.State with { Path = snapshots.StateOf(snapshot.Id) } });
        }

        Forget();
    }

    /// <summary>It is this host's for good.</summary>
    public void Keep() => File.Delete(TagPath);

    /// <summary>Takes it away again.</summary>
    public async Task DropAsync()
    {
        using var turn = await volumes.TurnAsync(CancellationToken.None);
        LuggageTag.Read(folder)?.Drop(volumes, snapshots);
        Forget();
    }

    /// <summary>Records name the files that came, or they are not wanted any more.</summary>
    private void Forget()
    {
        if (_luggage is { } luggage)
        {
            volumes.Arrived(luggage.VolumeLayers().Concat(_tops.Values));
            snapshots.Arrived(luggage.RootLayers());
        }
    }

    /// <summary>The file, and the one beside it that tells the parts of a merged one.</summary>
    private IEnumerable<string> NamesOf(LayerFile layer) =>
        layer.Parts.Count > 1 ? [layer.Name, Path.GetFileName(volumes.PartsPathOf(layer))] : [layer.Name];

    /// <summary>The file that a volume's own comes to be here, of a name that was never anywhere.</summary>
    private async Task<LayerFile> MakeTopAsync(MovedVolume volume, CancellationToken ct)
    {
        var own = Mine(volume.Record.Layers[0]);
        if (!volume.IsMirrored)
        {
            return volumes.ExpectNew(own);
        }

        var top = own.Format == "raw"
            ? volumes.CreateRaw(volume.Record.SizeBytes, own.WriteThrough)
            : await volumes.CreateOverlayAsync(volume.Record.SizeBytes, own.Key, ct);
        volumes.Expect([top]);
        return top;
    }

    /// <summary>With its key wrapped as this host does.</summary>
    private LayerFile Mine(LayerFile layer)
    {
        if (layer.Key is not { } sent)
        {
            return layer;
        }

        if (!_keys.TryGetValue(sent.Id, out var mine))
        {
            mine = _keys[sent.Id] = sent with { Wrapped = volumes.Wrap(_luggage!.Passphrases[sent.Id]) };
        }

        return layer with { Key = mine };
    }

    private void Check(Luggage luggage)
    {
        var ids = luggage.Volumes.Select(volume => volume.Record.Id).Concat(luggage.VolumeSnapshots.Select(snapshot => snapshot.Id))
            .Concat(luggage.Snapshots.Select(snapshot => snapshot.Id));
        var names = luggage.VolumeLayers().Select(layer => layer.Name).Concat(luggage.RootLayers());
        if (!ids.All(GuestFolder.IsName) || names.Any(name => Path.GetFileName(name) != name || name.StartsWith('.')))
        {
            throw new VmException("The luggage has names that are none.");
        }

        if (!luggage.Volumes.Select(volume => volume.Record.Id).ToHashSet(StringComparer.Ordinal).SetEquals(awaited))
        {
            throw new VmException("The luggage has other volumes than were awaited.");
        }
    }
}
