using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Cloud.Backup.Vaults;

/// <summary>A chunk in a pack. The header is authenticated with the bytes that follow it.</summary>
/// <param name="Ordinal">The record's number in its pack, which is its nonce.</param>
/// <param name="Offset">Of the record's header in the pack.</param>
/// <param name="StoredBytes">Of the encrypted chunk with its tag, without the header.</param>
internal readonly record struct PackRecord(ChunkId Id, int Ordinal, int Offset, int StoredBytes, int PlainBytes, ChunkMethod Method);

/// <summary>How a chunk is packed before it is encrypted.</summary>
internal enum ChunkMethod : byte
{
    Plain = 1,

    /// <summary>A zstd frame of its own.</summary>
    Zstd = 2,

    /// <summary>The beginning of a zstd frame that chunks after it go on with.</summary>
    FrameBegin = 3,

    /// <summary>Goes on with the frame begun last in the pack: it opens after those before it.</summary>
    FrameNext = 4,
}

/// <summary>
/// The format of a pack: <c>CLOUDPK1</c>, the pack's id, then records; and of its index, which lists them. An index can be made again of
/// its pack.
/// <code>
/// record: name (32) | stored bytes (4) | plain bytes (4) | method (1) | AES-256-GCM of the chunk | tag (16)
/// index:  CLOUDIX1 | pack's id (16) | count (4) | per record: its header (41) and its offset (4) | HMAC-SHA256 (32)
/// </code>
/// Numbers are little-endian. A record's nonce is its number in the pack, and each pack has a key of its own, so no nonce is used twice.
/// </summary>
internal static class Pack
{
    public const int HeaderBytes = 8 + PackId.SizeBytes;
    public const int RecordHeaderBytes = ChunkId.SizeBytes + 4 + 4 + 1;
    public const int TagBytes = 16;

    /// <summary>A record claims no more: what a chunk takes that does not compress, with the headers of a frame and a block.</summary>
    public const int StoredBytesMax = ChunkTree.ChunkBytes + 64 + TagBytes;

    /// <summary>A frame's records, and what lies between them, take no more than this of a pack: all is read to have one chunk.</summary>
    public const int FrameBytesMax = 1024 * 1024;

    /// <summary>So many chunks make a frame.</summary>
    public const int FrameChunksMax = 16;

    private const int IndexEntryBytes = RecordHeaderBytes + 4;
    private const int IndexHeaderBytes = HeaderBytes + 4;
    private static readonly byte[] PackMagic = Encoding.ASCII.GetBytes("CLOUDPK1");
    private static readonly byte[] IndexMagic = Encoding.ASCII.GetBytes("CLOUDIX1");

    public static void WriteHeader(PackId pack, Span<byte> header)
    {
        PackMagic.CopyTo(header);
        Convert.FromHexString(pack.Value).CopyTo(header[8..]);
    }

    public static void WriteRecordHeader(in PackRecord record, Span<byte> header)
    {
        record.Id.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[32..], record.StoredBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[36..], record.PlainBytes);
        header[40] = (byte)record.Method;
    }

    public static byte[] Nonce(int ordinal)
    {
        var nonce = new byte[12];
        BinaryPrimitives.WriteInt32LittleEndian(nonce, ordinal);
        return nonce;
    }

    /// <summary>The pack's records by its own bytes, as far as they can be read.</summary>
    public static List<PackRecord> Scan(PackId pack, ReadOnlySpan<byte> bytes)
    {
        var records = new List<PackRecord>();
        var expected = new byte[HeaderBytes];
        WriteHeader(pack, expected);
        if (bytes.Length < HeaderBytes || !bytes[..HeaderBytes].SequenceEqual(expected))
        {
            return records;
        }

        var offset = HeaderBytes;
        while (bytes.Length - offset >= RecordHeaderBytes
            && TryReadRecord(bytes.Slice(offset, RecordHeaderBytes), records.Count, offset, out var record)
            && record.StoredBytes <= bytes.Length - offset - RecordHeaderBytes)
        {
            records.Add(record);
            offset += RecordHeaderBytes + record.StoredBytes;
        }

        return records;
    }

    public static byte[] WriteIndex(PackId pack, IReadOnlyList<PackRecord> records, VaultKey key)
    {
        var bytes = new byte[IndexHeaderBytes + (records.Count * IndexEntryBytes) + HMACSHA256.HashSizeInBytes];
        IndexMagic.CopyTo(bytes, 0);
        Convert.FromHexString(pack.Value).CopyTo(bytes, 8);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(HeaderBytes), records.Count);
        var offset = IndexHeaderBytes;
        foreach (var record in records)
        {
            WriteRecordHeader(record, bytes.AsSpan(offset));
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(offset + RecordHeaderBytes), record.Offset);
            offset += IndexEntryBytes;
        }

        HMACSHA256.HashData(key.ForIndex(), bytes.AsSpan(0, offset), bytes.AsSpan(offset));
        return bytes;
    }

    /// <returns>Null where the index is not what was written.</returns>
    public static List<PackRecord>? ReadIndex(PackId pack, ReadOnlySpan<byte> bytes, VaultKey key)
    {
        if (bytes.Length < IndexHeaderBytes + HMACSHA256.HashSizeInBytes || !bytes[..8].SequenceEqual(IndexMagic)
            || !bytes.Slice(8, PackId.SizeBytes).SequenceEqual(Convert.FromHexString(pack.Value)))
        {
            return null;
        }

        var signed = bytes[..^HMACSHA256.HashSizeInBytes];
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes[HeaderBytes..]);
        if (!CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(key.ForIndex(), signed), bytes[signed.Length..])
            || signed.Length != IndexHeaderBytes + ((long)count * IndexEntryBytes))
        {
            return null;
        }

        var records = new List<PackRecord>(count);
        for (var ordinal = 0; ordinal < count; ordinal++)
        {
            var entry = signed.Slice(IndexHeaderBytes + (ordinal * IndexEntryBytes), IndexEntryBytes);
            var offset = BinaryPrimitives.ReadInt32LittleEndian(entry[RecordHeaderBytes..]);
            if (!TryReadRecord(entry[..RecordHeaderBytes], ordinal, offset, out var record))
            {
                return null;
            }

            records.Add(record);
        }

        return records;
    }

    private static bool TryReadRecord(ReadOnlySpan<byte> header, int ordinal, int offset, out PackRecord record)
    {
        record = new PackRecord(
            new ChunkId(header), ordinal, offset, BinaryPrimitives.ReadInt32LittleEndian(header[32..]),
            BinaryPrimitives.ReadInt32LittleEndian(header[36..]), (ChunkMethod)header[40]);
        return record.StoredBytes is >= TagBytes and <= StoredBytesMax && record.PlainBytes is >= 0 and <= ChunkTree.ChunkBytes
            && Enum.IsDefined(record.Method);
    }
}
