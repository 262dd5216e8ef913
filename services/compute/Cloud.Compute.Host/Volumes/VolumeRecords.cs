using Cloud.Compute.Host.Contracts;

namespace Cloud.Compute.Host.Volumes;

/// <summary>A volume as its file <c>volumes/vol-….json</c> tells it.</summary>
internal sealed record VolumeRecord
{
    public required string Id { get; init; }

    public required long SizeBytes { get; init; }

    /// <summary>Its files: the one that is written first, then what that lies over, nearest first.</summary>
    public required IReadOnlyList<LayerFile> Layers { get; init; }

    /// <summary>The file that is being laid on top; a crash leaves it open whether it is.</summary>
    public LayerFile? Next { get; init; }

    /// <summary>With another file on top, which is written from then on.</summary>
    public VolumeRecord Under(LayerFile top) => this with { Layers = [top, .. Layers], Next = null };
}

/// <summary>A snapshot as its file <c>snapshots/snap-….json</c> tells it; none of its files is written any more.</summary>
internal sealed record SnapshotRecord(
    string Id, string Volume, long SizeBytes, bool FileSystemsFrozen, IReadOnlyList<LayerFile> Layers)
{
    public StoredSnapshot ToStored() => new(Id, Volume, SizeBytes, FileSystemsFrozen);
}

/// <summary>One file below <c>files</c>.</summary>
internal sealed record LayerFile(string Name, string Format);
