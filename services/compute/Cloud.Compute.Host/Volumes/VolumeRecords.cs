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

    /// <summary>It was sent to another host, or is being sent: nothing is written to it here any more, unless it stays.</summary>
    public bool Leaves { get; init; }

    /// <summary>With another file on top, which is written from then on.</summary>
    public VolumeRecord Under(LayerFile top) => this with { Layers = [top, .. Layers], Next = null };
}

/// <summary>A snapshot as its file <c>snapshots/snap-….json</c> tells it; none of its files is written any more.</summary>
internal sealed record SnapshotRecord(
    string Id, string Volume, long SizeBytes, bool FileSystemsFrozen, IReadOnlyList<LayerFile> Layers)
{
    /// <summary>It is of a guest's root disk, by whose id it goes. Its files are the guest's too, and the image's.</summary>
    public bool OfRoot { get; init; }

    /// <summary>The snapshot of a guest that it is part of, and goes with; null for one of its own.</summary>
    public string? OfGuestSnapshot { get; init; }

    public StoredSnapshot ToStored() => new(Id, Volume, SizeBytes, FileSystemsFrozen);
}

/// <summary>One file below <c>files</c>. Two of one name are the same.</summary>
internal sealed record LayerFile(string Name, string Format)
{
    /// <summary>Between the name of the newest of a root disk's files that were merged, and what makes the new name unique.</summary>
    public const char MergedMark = '~';

    /// <summary>
    /// Of a file that was merged from others: the names of those that can still be told apart, the newest first. A name stands for what
    /// the whole disk held when the file of that name was written last, so two disks that share a name were the same then.
    /// </summary>
    public IReadOnlyList<string>? Merged { get; init; }

    /// <summary>What it is encrypted by; null for a plain one.</summary>
    public LayerKey? Key { get; init; }

    /// <summary>Of a raw one: what is written is on the disk when it is acknowledged.</summary>
    public bool WriteThrough { get; init; }

    /// <summary>What it is made of, itself where it is nothing else.</summary>
    public IReadOnlyList<string> Parts => Merged ?? [Name];

    /// <summary>A file of a root disk, by the name it has there.</summary>
    public static LayerFile OfRoot(string name)
    {
        var layer = new LayerFile(name, name.EndsWith(".raw", StringComparison.Ordinal) ? "raw" : Disks.DiskFile.Qcow2);
        return name.Contains(MergedMark, StringComparison.Ordinal) ? layer with { Merged = [$"{PartOf(name)}.qcow2"] } : layer;
    }

    /// <summary>The name, without its ending, of the newest file that a root disk's file was merged from, or its own.</summary>
    public static string PartOf(string name) => Path.GetFileNameWithoutExtension(name).Split(MergedMark)[0];

    public bool Equals(LayerFile? other) => Name == other?.Name;

    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);
}

/// <summary>A key of files, one a volume. All files of one key have the same header, which takes long to make.</summary>
/// <param name="Id">Also names the file that all of them begin as.</param>
/// <param name="Wrapped">The key itself, encrypted by the host's master key.</param>
internal sealed record LayerKey(string Id, string Wrapped);
