namespace Cloud.Backup.Vaults;

/// <summary>
/// How a stream of bytes is cut: chunks of 64 KiB, the granularity of dirty bitmaps, and nodes that name 1,024 chunks each. Nodes are
/// chunks themselves, so two recovery points share those of what did not change, and each names all it needs.
/// </summary>
public static class ChunkTree
{
    public const int ChunkBytes = 64 * 1024;
    public const int ChunksPerNode = 1024;
    public const long NodeBytes = (long)ChunkBytes * ChunksPerNode;

    internal static long ChunksOf(long sizeBytes) => (sizeBytes + ChunkBytes - 1) / ChunkBytes;

    internal static int NodesOf(long sizeBytes) => (int)((sizeBytes + NodeBytes - 1) / NodeBytes);

    /// <summary>How many chunks a node of a stream names.</summary>
    internal static int ChunksIn(long sizeBytes, int node) =>
        (int)Math.Min(ChunksPerNode, ChunksOf(sizeBytes) - ((long)node * ChunksPerNode));

    internal static ChunkId[] ReadNode(ReadOnlySpan<byte> node)
    {
        var ids = new ChunkId[node.Length / ChunkId.SizeBytes];
        for (var at = 0; at < ids.Length; at++)
        {
            ids[at] = new ChunkId(node[(at * ChunkId.SizeBytes)..]);
        }

        return ids;
    }

    internal static byte[] WriteNode(ReadOnlySpan<ChunkId> ids)
    {
        var node = new byte[ids.Length * ChunkId.SizeBytes];
        for (var at = 0; at < ids.Length; at++)
        {
            ids[at].CopyTo(node.AsSpan(at * ChunkId.SizeBytes));
        }

        return node;
    }
}
