using System.Formats.Tar;

namespace Cloud.Oci;

/// <summary>An entry of a layer that may be unpacked: its path is relative, in the layer, and passes through no link.</summary>
/// <param name="Path">Folders and name, separated by '/'; empty for the layer's own root.</param>
/// <param name="Target">For a hard link: the path of what it is another name of, in the layer.</param>
/// <param name="Tar">As it came: owner, mode, time, data.</param>
internal sealed record LayerEntry(string Path, string? Target, TarEntry Tar);

/// <summary>
/// Reads a layer's tar and refuses what would write outside of its folder or make what a container may not have. Its rules need no disk, so
/// an image is refused when it is brought in, by the same code that unpacks it later.
/// </summary>
internal static class LayerReader
{
    private const int EntriesMax = 1_000_000;
    private const int PathLengthMax = 4000;
    private const int NameLengthMax = 255;
    private const int DepthMax = 100;

    /// <exception cref="OciException">An entry may not be.</exception>
    public static Task ReadAsync(Stream tar, Action<LayerEntry> take, CancellationToken ct) => Task.Run(() => Read(tar, take, ct), ct);

    private static void Read(Stream tar, Action<LayerEntry> take, CancellationToken ct)
    {
        var kinds = new Dictionary<string, TarEntryType>(StringComparer.Ordinal);
        using var reader = new TarReader(tar, leaveOpen: true);
        try
        {
            while (reader.GetNextEntry() is { } entry)
            {
                ct.ThrowIfCancellationRequested();
                if (entry.EntryType is TarEntryType.GlobalExtendedAttributes)
                {
                    continue;
                }

                take(Check(entry, kinds));
            }
        }
        catch (Exception broken) when (broken is InvalidDataException or EndOfStreamException or FormatException or ArgumentException)
        {
            throw new OciException("A layer is no tar archive.", broken);
        }
    }

    private static LayerEntry Check(TarEntry entry, Dictionary<string, TarEntryType> kinds)
    {
        var path = PathOf(entry.Name);
        RequireFolders(path, kinds);
        if (path.Length == 0 && entry.EntryType != TarEntryType.Directory)
        {
            throw new OciException("A layer's root is no folder.");
        }

        if (kinds.TryGetValue(path, out var before) && (before == TarEntryType.Directory) != (entry.EntryType == TarEntryType.Directory))
        {
            throw new OciException($"A layer has '{Shown(path)}' as a folder and as something else.");
        }

        string? target = null;
        switch (entry.EntryType)
        {
            case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile or TarEntryType.Directory
                or TarEntryType.SymbolicLink or TarEntryType.Fifo:
                break;
            case TarEntryType.HardLink:
                target = PathOf(entry.LinkName);
                RequireFolders(target, kinds);
                if (!kinds.TryGetValue(target, out var kind) || kind == TarEntryType.Directory)
                {
                    throw new OciException($"A layer's hard link '{Shown(path)}' leads to no file of the layer.");
                }

                break;
            case TarEntryType.CharacterDevice or TarEntryType.BlockDevice:
                throw new OciException($"A layer holds a device, '{Shown(path)}', which no container may have.");
            default:
                throw new OciException($"A layer holds '{Shown(path)}' of a kind that is not known.");
        }

        kinds[path] = target is null ? entry.EntryType : kinds[target];
        return kinds.Count <= EntriesMax
            ? new LayerEntry(path, target, entry)
            : throw new OciException($"A layer has more than {EntriesMax} entries.");
    }

    /// <summary>What lies above must be folders of the layer, where it says what they are.</summary>
    private static void RequireFolders(string path, Dictionary<string, TarEntryType> kinds)
    {
        for (var at = path.IndexOf('/', StringComparison.Ordinal); at >= 0; at = path.IndexOf('/', at + 1))
        {
            var above = path[..at];
            if (kinds.TryAdd(above, TarEntryType.Directory) || kinds[above] == TarEntryType.Directory)
            {
                continue;
            }

            throw new OciException($"A layer's '{Shown(path)}' would be written through '{Shown(above)}', which is no folder.");
        }
    }

    private static string PathOf(string name)
    {
        var parts = name.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").ToList();
        if (parts.Contains(".."))
        {
            throw new OciException($"A layer's '{Shown(name)}' leads out of the layer.");
        }

        if (name.Length > PathLengthMax || parts.Count > DepthMax || parts.Exists(part => part.Length > NameLengthMax)
            || name.Contains('\0', StringComparison.Ordinal))
        {
            throw new OciException("A layer has an entry whose name is too long, or no name.");
        }

        return string.Join('/', parts);
    }

    private static string Shown(string path) => new(path.Take(100).Where(c => !char.IsControl(c)).ToArray());
}
