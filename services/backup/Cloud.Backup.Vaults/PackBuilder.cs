using System.Security.Cryptography;

namespace Cloud.Backup.Vaults;

/// <summary>A pack as it grows, in memory.</summary>
internal sealed class PackBuilder : IDisposable
{
    /// <summary>A pack is written when it has this many bytes: large enough to be cheap to list, small enough to be rewritten.</summary>
    public const int TargetBytes = 8 * 1024 * 1024;

    /// <summary>
    /// Measured: of chunks of 64 KiB, matches of six bytes and a table that holds all of them store 7 % less of text than level 1 does by
    /// itself, in the same time, and not more than level 3 in nearly twice the time. That each sees those before it in its frame stores
    /// another 15 % less of text, and 9 % of programs, in no more time.
    /// </summary>
    private const int CompressionLevel = 1;
    private const int MatchBytesMin = 6;
    private const int HashBits = 15;
    private const int WindowBits = 20;

    /// <summary>Of each KiB so many bytes tell whether a chunk is noise.</summary>
    private const int SampleBytes = 32;

    private readonly byte[] _bytes = new byte[TargetBytes + Pack.FrameBytesMax + Pack.RecordHeaderBytes + Pack.StoredBytesMax];
    private readonly byte[] _packed = new byte[Pack.StoredBytesMax];
    private readonly List<PackRecord> _records = [];
    private readonly ZstdCompressor _compressor = new(
        CompressionLevel, (ZstdParameter.MinMatch, MatchBytesMin), (ZstdParameter.HashLog, HashBits),
        (ZstdParameter.WindowLog, WindowBits));
    private readonly VaultKey _key;
    private AesGcm _cipher = null!;
    private int _length;
    private int _frameOffset;
    private int _frameChunks;

    public PackBuilder(VaultKey key)
    {
        _key = key;
        Clear();
    }

    public PackId Id { get; private set; }

    public IReadOnlyList<PackRecord> Records => _records;

    public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

    public bool IsFull => _length >= TargetBytes;

    public bool IsEmpty => _records.Count == 0;

    public void Add(ChunkId id, ReadOnlySpan<byte> chunk)
    {
        if (IsNoise(chunk))
        {
            Append(id, chunk, chunk.Length, ChunkMethod.Plain);
            return;
        }

        var end = _length + Pack.RecordHeaderBytes + Pack.StoredBytesMax;
        var method = ChunkMethod.FrameNext;
        if (_frameChunks is 0 or Pack.FrameChunksMax || end - _frameOffset > Pack.FrameBytesMax)
        {
            method = ChunkMethod.FrameBegin;
            _compressor.BeginFrame();
            (_frameOffset, _frameChunks) = (_length, 0);
        }

        _frameChunks++;
        Append(id, _packed.AsSpan(0, _compressor.GoOn(chunk, _packed)), chunk.Length, method);
    }

    /// <summary>Adds a chunk that is to be read by itself, as a node is; it ends the frame.</summary>
    public void AddAlone(ChunkId id, ReadOnlySpan<byte> chunk)
    {
        AddPacked(id, _packed.AsSpan(0, _compressor.Compress(chunk, _packed)), chunk.Length, ChunkMethod.Zstd);
    }

    /// <summary>Adds what another pack held, as it is packed there: of a frame all, from its beginning on.</summary>
    public void AddPacked(ChunkId id, ReadOnlySpan<byte> packed, int plainBytes, ChunkMethod method)
    {
        Append(id, packed, plainBytes, method);
        _frameChunks = 0;
    }

    /// <summary>Begins the next pack.</summary>
    public void Clear()
    {
        _cipher?.Dispose();
        _records.Clear();
        Id = PackId.New();
        _cipher = new AesGcm(_key.ForPack(Id), Pack.TagBytes);
        Pack.WriteHeader(Id, _bytes);
        _length = Pack.HeaderBytes;
        _frameChunks = 0;
    }

    public void Dispose()
    {
        _cipher.Dispose();
        _compressor.Dispose();
    }

    private void Append(ChunkId id, ReadOnlySpan<byte> packed, int plainBytes, ChunkMethod method)
    {
        var record = new PackRecord(id, _records.Count, _length, packed.Length + Pack.TagBytes, plainBytes, method);
        var header = _bytes.AsSpan(_length, Pack.RecordHeaderBytes);
        Pack.WriteRecordHeader(record, header);
        var body = _bytes.AsSpan(_length + Pack.RecordHeaderBytes, record.StoredBytes);
        _cipher.Encrypt(Pack.Nonce(record.Ordinal), packed, body[..packed.Length], body[packed.Length..], header);
        _records.Add(record);
        _length += Pack.RecordHeaderBytes + record.StoredBytes;
    }

    /// <summary>
    /// Whether a chunk's bytes are as good as random, as of what is encrypted or compressed already: chi-squared of a sample. Such a chunk
    /// would gain nothing, and is read back by itself.
    /// </summary>
    private static bool IsNoise(ReadOnlySpan<byte> chunk)
    {
        // Random bytes have 255 on average and hardly ever more than 350; at 400 a chunk would save less than a hundredth.
        const int Limit = 400;
        Span<int> counts = stackalloc int[256];
        counts.Clear();
        var sampled = 0;
        for (var at = 0; at < chunk.Length; at += 1024)
        {
            var sample = chunk.Slice(at, Math.Min(SampleBytes, chunk.Length - at));
            sampled += sample.Length;
            foreach (var value in sample)
            {
                counts[value]++;
            }
        }

        var squares = 0L;
        foreach (var count in counts)
        {
            squares += (long)count * count;
        }

        return (squares * 256 / sampled) - sampled < Limit;
    }
}
