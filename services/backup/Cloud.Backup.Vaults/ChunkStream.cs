namespace Cloud.Backup.Vaults;

/// <summary>A stream of a recovery point, read at any place; only what is read is fetched.</summary>
public sealed class ChunkStream : Stream
{
    private const int NodesKept = 64;

    private readonly Vault _vault;
    private readonly PointStream _stream;
    private readonly Dictionary<int, ChunkId[]> _nodes = [];
    private long _chunkIndex = -1;
    private byte[]? _chunk;

    internal ChunkStream(Vault vault, PointStream stream) => (_vault, _stream) = (vault, stream);

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => _stream.SizeBytes;

    public override long Position { get; set; }

    /// <summary>The first place from <paramref name="offset"/> on that holds data and not a hole; the length where there is none.</summary>
    public async Task<long> NextDataAsync(long offset, CancellationToken ct)
    {
        for (var at = offset; at < Length;)
        {
            var node = (int)(at / ChunkTree.NodeBytes);
            var ids = await NodeAsync(node, ct);
            if (ids.Length > 0 && !ids[at / ChunkTree.ChunkBytes % ChunkTree.ChunksPerNode].IsHole)
            {
                return at;
            }

            at = ids.Length == 0 ? (node + 1) * ChunkTree.NodeBytes : (at / ChunkTree.ChunkBytes + 1) * ChunkTree.ChunkBytes;
        }

        return Length;
    }

    /// <summary>Where the data that begins at an offset ends: a hole of so many bytes follows, or the end.</summary>
    public async Task<long> DataEndAsync(long offset, long holeBytes, CancellationToken ct)
    {
        var end = offset;
        while (end < Length)
        {
            var next = await NextDataAsync(end, ct);
            if (next == Length || next - end >= holeBytes)
            {
                break;
            }

            end = Math.Min(Length, (next / ChunkTree.ChunkBytes + 1) * ChunkTree.ChunkBytes);
        }

        return end;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var index = Position / ChunkTree.ChunkBytes;
        var within = (int)(Position % ChunkTree.ChunkBytes);
        var count = (int)Math.Min(Math.Min(buffer.Length, ChunkTree.ChunkBytes - within), Length - Position);
        if (count <= 0)
        {
            return 0;
        }

        if (index != _chunkIndex)
        {
            var ids = await NodeAsync((int)(index / ChunkTree.ChunksPerNode), cancellationToken);
            var id = ids.Length == 0 ? ChunkId.Hole : ids[index % ChunkTree.ChunksPerNode];
            _chunk = id.IsHole ? null : await _vault.ReadChunkAsync(id, cancellationToken);
            _chunkIndex = index;
        }

        if (_chunk is null)
        {
            buffer.Span[..count].Clear();
        }
        else
        {
            _chunk.AsSpan(within, count).CopyTo(buffer.Span);
        }

        Position += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("A recovery point is read asynchronously.");

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => Length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <returns>None for a node of zeros.</returns>
    private async Task<ChunkId[]> NodeAsync(int node, CancellationToken ct)
    {
        if (_nodes.TryGetValue(node, out var ids))
        {
            return ids;
        }

        if (_nodes.Count >= NodesKept)
        {
            _nodes.Clear();
        }

        var id = ChunkId.Parse(_stream.Nodes[node]);
        return _nodes[node] = id.IsHole ? [] : ChunkTree.ReadNode(await _vault.ReadChunkAsync(id, ct));
    }
}
