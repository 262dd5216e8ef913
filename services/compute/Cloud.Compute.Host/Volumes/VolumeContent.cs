using System.Buffers;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Guests;
using Cloud.Primitives;

namespace Cloud.Compute.Host.Volumes;

/// <summary>The bytes of this host's volumes and snapshots, for who is no guest.</summary>
internal sealed class VolumeContent(VolumeFiles files, HostAgent agent, TimeProvider time)
{
    /// <summary>How fine changes are told: a cluster of qcow2.</summary>
    private const int GranularityBytes = 1 << 16;

    /// <summary>What one question to the block server covers.</summary>
    private const int StatusBytesMax = 1 << 30;

    public async Task<Stream> ReadAsync(string source, long offset, long length, CancellationToken ct)
    {
        var server = await OpenAsync(source, ct);
        if (offset < 0 || length < 0 || offset > server.Disk.SizeBytes - length)
        {
            var sizeBytes = server.Disk.SizeBytes;
            server.Dispose();
            throw CloudException.Invalid("offset", $"There are {sizeBytes} bytes.");
        }

        return new BlockReadStream(server, offset, length);
    }

    public async Task WriteAsync(string volume, long offset, Stream content, CancellationToken ct)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(NbdConnection.BytesMax);
        try
        {
            using var turn = await TurnAsync(ct);
            var record = files.FindVolume(volume) ?? throw CloudException.NotFound("volume", volume);
            agent.RequireFree(volume);
            files.Settle(record, open: null);
            record = files.FindVolume(volume)!;
            using var server = await BlockServer.StartAsync(Paths(record.Layers), readOnly: false, time, ct);
            var part = buffer.AsMemory(0, NbdConnection.BytesMax);
            while (await content.ReadAtLeastAsync(part, part.Length, throwOnEndOfStream: false, ct) is > 0 and var count)
            {
                if (offset < 0 || offset > record.SizeBytes - count)
                {
                    throw CloudException.Invalid("offset", $"The volume has {record.SizeBytes} bytes.");
                }

                await server.Disk.WriteAsync(offset, part[..count], ct);
                offset += count;
            }

            await server.Disk.FlushAsync(ct);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// The extents from an offset on that a snapshot may hold otherwise than an older one: what is in the files that only one of the two
    /// stands on. Without an older one all that is in any file.
    /// </summary>
    public async Task<VolumeExtents> ListExtentsAsync(string snapshot, string? since, long offset, int countMax, CancellationToken ct)
    {
        var kept = Require(snapshot);
        var older = since is null ? null : Require(since);
        var shared = older is null ? 0 : SharedCount(kept.Layers, older.Layers);
        using var now = await BlockServer.StartAsync(Paths(kept.Layers), readOnly: true, time, ct);
        var own = new DepthReader(now.Disk, kept.Layers.Count - shared);
        if (older is null || older.Layers.Count == shared)
        {
            return await ListAsync([own], kept.SizeBytes, offset, countMax, ct);
        }

        using var then = await BlockServer.StartAsync(Paths(older.Layers), readOnly: true, time, ct);
        return await ListAsync([own, new DepthReader(then.Disk, older.Layers.Count - shared)], kept.SizeBytes, offset, countMax, ct);
    }

    /// <summary>In whole blocks, neighbours in one; a page ends between two.</summary>
    private static async Task<VolumeExtents> ListAsync(
        IReadOnlyList<DepthReader> readers, long sizeBytes, long offset, int countMax, CancellationToken ct)
    {
        var extents = new List<VolumeExtent>();
        var at = offset / GranularityBytes * GranularityBytes;
        while (at < sizeBytes)
        {
            var (end, changed) = (sizeBytes, false);
            foreach (var reader in readers)
            {
                var run = await reader.ReadAsync(at, ct);
                (end, changed) = (Math.Min(end, run.End), changed || run.Changed);
            }

            // The block in which something ends counts as changed where any of it is.
            end = Math.Min(sizeBytes, changed ? Up(end) : Math.Max(at + GranularityBytes, end / GranularityBytes * GranularityBytes));
            if (!changed && end - at <= GranularityBytes)
            {
                changed = await AnyChangedAsync(readers, at, Math.Min(sizeBytes, at + GranularityBytes), ct);
            }

            if (changed && extents.Count > 0 && extents[^1].Offset + extents[^1].LengthBytes == at)
            {
                extents[^1] = extents[^1] with { LengthBytes = end - extents[^1].Offset };
            }
            else if (changed)
            {
                if (extents.Count == countMax)
                {
                    return new VolumeExtents(extents, at);
                }

                extents.Add(new VolumeExtent(at, end - at));
            }

            at = end;
        }

        return new VolumeExtents(extents, null);
    }

    private static async Task<bool> AnyChangedAsync(IReadOnlyList<DepthReader> readers, long from, long to, CancellationToken ct)
    {
        foreach (var reader in readers)
        {
            for (var at = from; at < to;)
            {
                var run = await reader.ReadAsync(at, ct);
                if (run.Changed)
                {
                    return true;
                }

                at = run.End;
            }
        }

        return false;
    }

    private static long Up(long offset) => (offset + GranularityBytes - 1) / GranularityBytes * GranularityBytes;

    private async Task<BlockServer> OpenAsync(string source, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        if (files.FindSnapshot(source) is { } snapshot)
        {
            return await BlockServer.StartAsync(Paths(snapshot.Layers), readOnly: true, time, ct);
        }

        var record = files.FindVolume(source) ?? throw CloudException.NotFound("volume", source);
        agent.RequireFree(source);
        files.Settle(record, open: null);
        return await BlockServer.StartAsync(Paths(files.FindVolume(source)!.Layers), readOnly: true, time, ct);
    }

    private SnapshotRecord Require(string snapshot) => files.FindSnapshot(snapshot) ?? throw CloudException.NotFound("snapshot", snapshot);

    private List<(string Path, string Format)> Paths(IReadOnlyList<LayerFile> layers) =>
        layers.Select(layer => (files.PathOf(layer), layer.Format)).ToList();

    /// <summary>How many files from the lowest on are the same.</summary>
    private static int SharedCount(IReadOnlyList<LayerFile> one, IReadOnlyList<LayerFile> other) =>
        one.Reverse().Zip(other.Reverse()).TakeWhile(pair => pair.First == pair.Second).Count();

    private async Task<IDisposable> TurnAsync(CancellationToken ct)
    {
        await agent.AdoptedAsync(ct);
        return await files.TurnAsync(ct);
    }

    /// <summary>Where a disk's own files have something, as runs.</summary>
    /// <param name="layers">How many of its files are its own, from the highest on.</param>
    private sealed class DepthReader(NbdConnection disk, int layers)
    {
        private readonly Queue<(long Start, long End, bool Changed)> _runs = new();

        public async Task<(long End, bool Changed)> ReadAsync(long at, CancellationToken ct)
        {
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
                    _runs.Enqueue((start, start + length, depth >= 1 && depth <= layers));
                    start += length;
                }

                found = _runs.Peek();
            }

            return (found.End, found.Changed);
        }
    }
}
