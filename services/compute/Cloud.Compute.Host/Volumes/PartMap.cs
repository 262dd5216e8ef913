using System.Runtime.InteropServices;
using Cloud.Compute.Host.Guests;

namespace Cloud.Compute.Host.Volumes;

/// <summary>Of a file that was merged from several: which of these had each of its bytes. A file of its own beside it.</summary>
internal sealed class PartMap
{
    private readonly List<Extent> _extents = [];

    public static PartMap Read(string path)
    {
        var map = new PartMap();
        map._extents.AddRange(MemoryMarshal.Cast<byte, Extent>(File.ReadAllBytes(path)));
        return map;
    }

    /// <summary>Durable when this ends.</summary>
    public void Write(string path) => DurableFile.Write(path, MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_extents)).ToArray());

    /// <summary>In the order of their offsets.</summary>
    public void Add(long start, long end, long part)
    {
        if (_extents.Count > 0 && _extents[^1] is var last && last.End == start && last.Part == part)
        {
            _extents[^1] = last with { End = end };
        }
        else
        {
            _extents.Add(new Extent(start, end, part));
        }
    }

    /// <summary>The bytes of a range, in pieces of one part each.</summary>
    public IEnumerable<(long Start, long End, long Part)> Within(long start, long end)
    {
        var (low, high) = (0, _extents.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _extents[middle].End <= start ? (middle + 1, high) : (low, middle);
        }

        for (var at = low; at < _extents.Count && _extents[at].Start < end; at++)
        {
            yield return (Math.Max(start, _extents[at].Start), Math.Min(end, _extents[at].End), _extents[at].Part);
        }
    }

    private readonly record struct Extent(long Start, long End, long Part);
}
