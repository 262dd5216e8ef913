using System.Security.Cryptography;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Cloud.Backup.Vaults;

/// <summary>A pack as it grows, in memory.</summary>
internal sealed class PackBuilder : IDisposable
{
    /// <summary>A pack is written when it has this many bytes: large enough to be cheap to list, small enough to be rewritten.</summary>
    public const int TargetBytes = 8 * 1024 * 1024;

    /// <summary>
    /// Measured: of chunks of 64 KiB, matches of six bytes and a table that holds all of them store 7 % less of text than level 1 does by
    /// itself, in the same time, and not more than level 3 in nearly twice the time.
    /// </summary>
    private const int CompressionLevel = 1;
    private const int MatchBytesMin = 6;
    private const int HashBits = 16;

    /// <summary>Below this saving the chunk is kept plain, as reading it back is then cheaper.</summary>
    private const int SavingBytesMin = 1024;

    private readonly byte[] _bytes = new byte[TargetBytes + Pack.RecordHeaderBytes + Pack.StoredBytesMax];
    private readonly byte[] _packed = new byte[Compressor.GetCompressBound(ChunkTree.ChunkBytes)];
    private readonly List<PackRecord> _records = [];
    private readonly Compressor _compressor = new(CompressionLevel);
    private readonly VaultKey _key;
    private AesGcm _cipher = null!;
    private int _length;

    public PackBuilder(VaultKey key)
    {
        _key = key;
        _compressor.SetParameter(ZSTD_cParameter.ZSTD_c_minMatch, MatchBytesMin);
        _compressor.SetParameter(ZSTD_cParameter.ZSTD_c_hashLog, HashBits);
        Clear();
    }

    public PackId Id { get; private set; }

    public IReadOnlyList<PackRecord> Records => _records;

    public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

    public bool IsFull => _length >= TargetBytes;

    public bool IsEmpty => _records.Count == 0;

    public void Add(ChunkId id, ReadOnlySpan<byte> chunk)
    {
        var packed = _compressor.Wrap(chunk, _packed);
        if (packed + SavingBytesMin <= chunk.Length || packed < chunk.Length / 2)
        {
            Add(id, _packed.AsSpan(0, packed), chunk.Length, ChunkMethod.Zstd);
        }
        else
        {
            Add(id, chunk, chunk.Length, ChunkMethod.Plain);
        }
    }

    /// <summary>Adds what another pack held, as it is packed there.</summary>
    public void Add(ChunkId id, ReadOnlySpan<byte> packed, int plainBytes, ChunkMethod method)
    {
        var record = new PackRecord(id, _records.Count, _length, packed.Length + Pack.TagBytes, plainBytes, method);
        var header = _bytes.AsSpan(_length, Pack.RecordHeaderBytes);
        Pack.WriteRecordHeader(record, header);
        var body = _bytes.AsSpan(_length + Pack.RecordHeaderBytes, record.StoredBytes);
        _cipher.Encrypt(Pack.Nonce(record.Ordinal), packed, body[..packed.Length], body[packed.Length..], header);
        _records.Add(record);
        _length += Pack.RecordHeaderBytes + record.StoredBytes;
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
    }

    public void Dispose()
    {
        _cipher.Dispose();
        _compressor.Dispose();
    }
}
