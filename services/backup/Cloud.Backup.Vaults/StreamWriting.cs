using System.Text.Json;

namespace Cloud.Backup.Vaults;

/// <summary>Where a stream's bytes are read, a run at a time.</summary>
/// <returns>A stream of exactly <c>length</c> bytes.</returns>
public delegate Task<Stream> OpenRun(long offset, long length, CancellationToken ct);

/// <summary>A run of bytes.</summary>
public readonly record struct ByteRun(long Offset, long Length);

/// <summary>Stores streams: whole ones, and what changed of one that an earlier point holds.</summary>
public static class StreamWriting
{
    /// <param name="writer">Where to.</param>
    /// <param name="name">Of the stream in its point.</param>
    /// <param name="sizeBytes">Of the whole stream.</param>
    /// <param name="runs">What is to be read, in order: what holds data, or what has changed since <paramref name="earlier"/>.</param>
    /// <param name="earlier">The stream as an earlier point holds it; null to store all of it. What is in neither is zeros.</param>
    /// <param name="open">Reads. It may be asked for more than the runs: what the earlier point has lost.</param>
    /// <param name="read">Told how many bytes more were read.</param>
    public static async Task<PointStream> PutStreamAsync(
        this VaultWriter writer, Vault vault, string name, long sizeBytes, IReadOnlyList<ByteRun> runs, PointStream? earlier, OpenRun open,
        Action<long> read, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(vault);
        ArgumentNullException.ThrowIfNull(runs);
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(read);
        var nodes = new List<string>(ChunkTree.NodesOf(sizeBytes));
        var run = 0;
        for (var node = 0; node < ChunkTree.NodesOf(sizeBytes); node++)
        {
            var wanted = Wanted(sizeBytes, node, runs, ref run);
            var ids = await EarlierAsync(writer, vault, sizeBytes, node, earlier, wanted, ct);
            if (ids is null)
            {
                nodes.Add(earlier!.Nodes[node]);
                continue;
            }

            await FillAsync(writer, sizeBytes, node, ids, wanted, open, read, ct);
            nodes.Add((await writer.PutNodeAsync(ChunkTree.WriteNode(ids), ct)).ToString());
        }

        return new PointStream(name, sizeBytes, nodes, new Dictionary<string, JsonElement>());
    }

    /// <summary>Keeps a stream of an earlier point as it is.</summary>
    /// <returns>False where the vault has lost a part of it.</returns>
    public static async Task<bool> TryKeepAsync(this VaultWriter writer, Vault vault, PointStream stream, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(vault);
        ArgumentNullException.ThrowIfNull(stream);
        try
        {
            foreach (var node in stream.Nodes.Select(ChunkId.Parse).Where(node => !node.IsHole))
            {
                if (!writer.TryKeep(node) || !ChunkTree.ReadNode(await vault.ReadChunkAsync(node, ct)).All(writer.TryKeep))
                {
                    return false;
                }
            }
        }
        catch (VaultException lost) when (lost.Fault == VaultFault.Damaged)
        {
            return false;
        }

        return true;
    }

    /// <summary>Which chunks of a node the runs touch.</summary>
    private static bool[] Wanted(long sizeBytes, int node, IReadOnlyList<ByteRun> runs, ref int run)
    {
        var wanted = new bool[ChunkTree.ChunksIn(sizeBytes, node)];
        var first = (long)node * ChunkTree.ChunksPerNode;
        for (; run < runs.Count; run++)
        {
            var from = Math.Max(runs[run].Offset / ChunkTree.ChunkBytes, first);
            var to = ChunkTree.ChunksOf(Math.Min(runs[run].Offset + runs[run].Length, sizeBytes));
            for (var chunk = from; chunk < Math.Min(to, first + wanted.Length); chunk++)
            {
                wanted[chunk - first] = true;
            }

            if (to > first + wanted.Length)
            {
                break;
            }
        }

        return wanted;
    }

    /// <summary>What the earlier point says of a node; what of it the vault has lost becomes wanted.</summary>
    /// <returns>Null where the node stays as it is.</returns>
    private static async Task<ChunkId[]?> EarlierAsync(
        VaultWriter writer, Vault vault, long sizeBytes, int node, PointStream? earlier, bool[] wanted, CancellationToken ct)
    {
        var ids = new ChunkId[wanted.Length];
        if (earlier is null || node >= earlier.Nodes.Count)
        {
            return ids;
        }

        var id = ChunkId.Parse(earlier.Nodes[node]);
        ChunkId[] before;
        try
        {
            before = id.IsHole
                ? new ChunkId[ChunkTree.ChunksIn(earlier.SizeBytes, node)]
                : ChunkTree.ReadNode(await vault.ReadChunkAsync(id, ct));
        }
        catch (VaultException lost) when (lost.Fault == VaultFault.Damaged)
        {
            Array.Fill(wanted, true);
            return ids;
        }

        Array.Copy(before, ids, Math.Min(before.Length, ids.Length));
        if (earlier.SizeBytes != sizeBytes && node == earlier.Nodes.Count - 1)
        {
            // The end was somewhere in its last chunk.
            wanted[Math.Min(before.Length, wanted.Length) - 1] = true;
        }

        var unchanged = before.Length == ids.Length && writer.TryKeep(id);
        for (var chunk = 0; chunk < ids.Length; chunk++)
        {
            wanted[chunk] |= !writer.TryKeep(ids[chunk]);
            unchanged &= !wanted[chunk];
        }

        return unchanged ? null : ids;
    }

    private static async Task FillAsync(
        VaultWriter writer, long sizeBytes, int node, ChunkId[] ids, bool[] wanted, OpenRun open, Action<long> read, CancellationToken ct)
    {
        var buffer = new byte[ChunkTree.ChunkBytes];
        var first = (long)node * ChunkTree.ChunksPerNode;
        for (var chunk = 0; chunk < wanted.Length;)
        {
            if (!wanted[chunk])
            {
                chunk++;
                continue;
            }

            var end = chunk;
            while (end < wanted.Length && wanted[end])
            {
                end++;
            }

            var offset = (first + chunk) * ChunkTree.ChunkBytes;
            await using var bytes = await open(offset, Math.Min((first + end) * ChunkTree.ChunkBytes, sizeBytes) - offset, ct);
            for (; chunk < end; chunk++)
            {
                // The stream's last chunk is filled up with zeros.
                var length = (int)Math.Min(ChunkTree.ChunkBytes, sizeBytes - ((first + chunk) * ChunkTree.ChunkBytes));
                buffer.AsSpan(length).Clear();
                await bytes.ReadExactlyAsync(buffer.AsMemory(0, length), ct);
                ids[chunk] = await writer.PutAsync(buffer, ct);
                read(length);
            }
        }
    }
}
