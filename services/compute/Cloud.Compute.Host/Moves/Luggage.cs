using System.Text.Json;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Moves;

/// <summary>
/// What goes to another host with a guest beside its root disk, or alone: volumes, and the snapshots of disks and guests. It tells whose
/// files they are; the files follow, those that the other host does not have.
/// </summary>
internal sealed record Luggage
{
    public required IReadOnlyList<MovedVolume> Volumes { get; init; }

    /// <summary>Of the volumes, and of the guest's root disk.</summary>
    public required IReadOnlyList<SnapshotRecord> VolumeSnapshots { get; init; }

    /// <summary>Of the guest; one of its own id is what it goes on from, suspended.</summary>
    public required IReadOnlyList<GuestSnapshotRecord> Snapshots { get; init; }

    /// <summary>What opens the files, by their keys' ids: each host wraps them by a master key of its own.</summary>
    public required IReadOnlyDictionary<string, string> Passphrases { get; init; }

    /// <summary>The files of volumes that are written no more.</summary>
    public IEnumerable<LayerFile> VolumeLayers() => Volumes.SelectMany(volume => volume.Record.Layers.Skip(1))
        .Concat(VolumeSnapshots.SelectMany(snapshot => snapshot.Layers)).Distinct();

    /// <summary>The files of root disks in the guest's snapshots.</summary>
    public IEnumerable<string> RootLayers() => Snapshots.SelectMany(snapshot => snapshot.Layers).Distinct(StringComparer.Ordinal);

    /// <summary>What of this host goes with a guest, or with no guest.</summary>
    /// <param name="moved">Its volumes.</param>
    /// <param name="guest">The guest's id; null for none.</param>
    public static Luggage Pack(IReadOnlyList<MovedVolume> moved, string? guest, VolumeFiles volumes, SnapshotFiles snapshots)
    {
        var kept = volumes.Snapshots
            .Where(snapshot => snapshot.Volume == guest || moved.Any(volume => volume.Record.Id == snapshot.Volume)).ToList();
        var layers = moved.SelectMany(volume => volume.Record.Layers).Concat(kept.SelectMany(snapshot => snapshot.Layers));
        return new Luggage
        {
            Volumes = moved,
            VolumeSnapshots = kept,
            Snapshots = snapshots.Snapshots.Where(snapshot => snapshot.Guest == guest).ToList(),
            Passphrases = layers.Select(layer => layer.Key).OfType<LayerKey>().DistinctBy(key => key.Id)
                .ToDictionary(key => key.Id, volumes.Unwrap, StringComparer.Ordinal),
        };
    }

    /// <summary>Sends it, and the files that the other host lacks.</summary>
    public async Task SendAsync(MoveOut way, VolumeFiles volumes, SnapshotFiles snapshots, CancellationToken ct)
    {
        var answer = await way.SendAsync(MoveWays.Luggage, new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(this)), ct);
        foreach (var file in answer.Missing ?? [])
        {
            var path = file.Way switch
            {
                MoveWays.Layer => snapshots.PathOf(file.Name),
                MoveWays.VolumeLayer => volumes.PathOf(file.Name),
                MoveWays.State => snapshots.Require(file.Name).State.Path,
                _ => throw new VmException("The other host asks for a file that there is not."),
            };
            await way.SendSparseAsync(file.Way, file.Name, path, ct);
        }

        foreach (var volume in Volumes.Where(volume => !volume.IsMirrored))
        {
            await way.SendSparseAsync(MoveWays.Top, volume.Record.Id, volumes.PathOf(volume.Record.Layers[0]), ct);
        }
    }

    /// <summary>Tells nothing of the passphrases.</summary>
    public override string ToString() => $"{Volumes.Count} volumes, {Snapshots.Count} snapshots";
}

/// <param name="IsMirrored">The guest writes to it on its way: its own file is mirrored by the machine.</param>
internal sealed record MovedVolume(VolumeRecord Record, bool IsMirrored);

/// <summary>What came to this host, by id, in a file <c>luggage.json</c> until it is this host's.</summary>
internal sealed record LuggageTag(
    IReadOnlyList<string> Volumes, IReadOnlyList<string> VolumeSnapshots, IReadOnlyList<string> Snapshots)
{
    public const string FileName = "luggage.json";

    public static LuggageTag Of(Luggage luggage) => new(
        luggage.Volumes.Select(volume => volume.Record.Id).ToList(),
        luggage.VolumeSnapshots.Select(snapshot => snapshot.Id).ToList(),
        luggage.Snapshots.Select(snapshot => snapshot.Id).ToList());

    /// <summary>Null where nothing came.</summary>
    /// <param name="folder">The arrival's.</param>
    public static LuggageTag? Read(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize<LuggageTag>(File.ReadAllBytes(Path.Combine(folder, FileName)));
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Takes it away again. Called in the turn to change volumes.</summary>
    public void Drop(VolumeFiles volumes, SnapshotFiles snapshots)
    {
        foreach (var id in VolumeSnapshots)
        {
            volumes.RemoveSnapshot(id);
        }

        foreach (var id in Volumes)
        {
            volumes.RemoveVolume(id);
        }

        foreach (var id in Snapshots)
        {
            snapshots.Remove(id);
        }
    }
}
