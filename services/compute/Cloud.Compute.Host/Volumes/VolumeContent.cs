using System.Buffers;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Guests;
using Cloud.Primitives;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Volumes;

/// <summary>The bytes of this host's volumes and snapshots, for who is no guest.</summary>
internal sealed class VolumeContent(VolumeFiles files, HostAgent agent, TimeProvider time)
{
    /// <summary>How fine changes are told: a cluster of qcow2.</summary>
    private const int GranularityBytes = 1 << 16;

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
            using var server = await BlockServer.StartAsync(Open(record.Layers), readOnly: false, time, ct);
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
    /// The extents from an offset on that a snapshot, or a volume that no guest has, may hold otherwise than an older one: what was
    /// written since the two were the same, to either. Without an older one all that was ever written.
    /// </summary>
    public async Task<VolumeExtents> ListExtentsAsync(string source, string? since, long offset, int countMax, CancellationToken ct)
    {
        var readers = new List<PartReader>();
        try
        {
            long sizeBytes;
            using (await TurnAsync(ct))
            {
                (sizeBytes, var layers) = Require(source);
                var older = since is null ? null : Require(since).Layers;
                readers.Add(await OpenPartsAsync(layers, older, ct));
                if (older is not null)
                {
                    readers.Add(await OpenPartsAsync(older, layers, ct));
                }
            }

            return await ListAsync(readers, sizeBytes, offset, countMax, ct);
        }
        finally
        {
            readers.ForEach(reader => reader.Dispose());
        }
    }

    /// <summary>In whole blocks, neighbours in one; a page ends between two.</summary>
    private static async Task<VolumeExtents> ListAsync(
        IReadOnlyList<PartReader> readers, long sizeBytes, long offset, int countMax, CancellationToken ct)
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

    private static async Task<bool> AnyChangedAsync(IReadOnlyList<PartReader> readers, long from, long to, CancellationToken ct)
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
        return await BlockServer.StartAsync(Open(Require(source).Layers), readOnly: true, time, ct);
    }

    /// <summary>The size and the files of a snapshot, or of a volume that no guest has.</summary>
    private (long SizeBytes, IReadOnlyList<LayerFile> Layers) Require(string source)
    {
        if (files.FindSnapshot(source) is { } snapshot)
        {
            return (snapshot.SizeBytes, snapshot.Layers);
        }

        var record = files.FindVolume(source) ?? throw CloudException.NotFound("volume", source);
        agent.RequireFree(source);
        files.Settle(record, open: null);
        record = files.FindVolume(source)!;
        return (record.SizeBytes, record.Layers);
    }

    private List<VmDiskLayer> Open(IReadOnlyList<LayerFile> layers) => layers.Select(files.Open).ToList();

    private async Task<PartReader> OpenPartsAsync(
        IReadOnlyList<LayerFile> layers, IReadOnlyList<LayerFile>? others, CancellationToken ct)
    {
        var shared = others?.SelectMany(layer => layer.Parts).ToHashSet(StringComparer.Ordinal) ?? [];
        var parts = layers.Select(layer => new PartReader.Layer(
            layer.Parts, layer.Parts.Count > 1 ? PartMap.Read(files.PartsPathOf(layer)) : null)).ToList();
        return new PartReader(await BlockServer.StartAsync(Open(layers), readOnly: true, time, ct), parts, shared);
    }

    private async Task<IDisposable> TurnAsync(CancellationToken ct)
    {
        await agent.AdoptedAsync(ct);
        return await files.TurnAsync(ct);
    }
}
