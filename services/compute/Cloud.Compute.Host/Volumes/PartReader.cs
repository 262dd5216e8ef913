namespace Cloud.Compute.Host.Volumes;

/// <summary>Where a disk was written to since it was the same as another.</summary>
internal sealed class PartReader : IDisposable
{
    /// <summary>What one question to the block server covers.</summary>
    private const int StatusBytesMax = 1 << 30;

    private readonly BlockServer _server;
    private readonly List<(int NewCount, Layer Layer)> _layers;
    private readonly Queue<(long Start, long End, bool Changed)> _runs = new();

    /// <param name="server">Has all of the disk's files open.</param>
    /// <param name="layers">Its files, nearest first.</param>
    /// <param name="shared">The parts of the other disk: the first of these that this one has too is where they were the same.</param>
    public PartReader(BlockServer server, IReadOnlyList<Layer> layers, IReadOnlySet<string> shared)
    {
        _server = server;
        var same = false;
        _layers = layers.Select(layer =>
        {
            var count = same ? 0 : layer.Parts.TakeWhile(part => !shared.Contains(part)).Count();
            same |= count < layer.Parts.Count;
            return (count, layer);
        }).ToList();
    }

    /// <summary>A piece from an offset on, and whether it was written to.</summary>
    public async Task<(long End, bool Changed)> ReadAsync(long at, CancellationToken ct)
    {
        var disk = _server.Disk;
        if (at >= disk.SizeBytes)
        {
            return (long.MaxValue, false);
        }

        while (_runs.TryPeek(out var run) && run.End <= at)
        {
            _runs.Dequeue();
        }

        if (!_runs.TryPeek(out var found) || found.Start > at)
        {
            _runs.Clear();
            var start = at;
            foreach (var (length, depth) in await disk.ReadDepthsAsync(at, (int)Math.Min(StatusBytesMax, disk.SizeBytes - at), ct))
            {
                Take(start, start + length, (int)depth);
                start += length;
            }

            found = _runs.Peek();
        }

        return (found.End, found.Changed);
    }

    public void Dispose() => _server.Dispose();

    private void Take(long start, long end, int depth)
    {
        if (depth == 0 || depth > _layers.Count)
        {
            _runs.Enqueue((start, end, false));
            return;
        }

        var (newCount, layer) = _layers[depth - 1];
        if (layer.Map is null || newCount == 0 || newCount == layer.Parts.Count)
        {
            _runs.Enqueue((start, end, newCount > 0));
            return;
        }

        foreach (var (from, to, part) in layer.Map.Within(start, end))
        {
            // What the map does not tell of was written by nobody.
            _runs.Enqueue((start, from, false));
            _runs.Enqueue((from, to, part < newCount));
            start = to;
        }

        _runs.Enqueue((start, end, false));
    }

    /// <summary>One file of a disk.</summary>
    /// <param name="Parts">What it is made of, the newest first.</param>
    /// <param name="Map">Which of them has each byte; null for one.</param>
    public sealed record Layer(IReadOnlyList<string> Parts, PartMap? Map);
}
