using System.Security.Cryptography;

namespace Cloud.Backup.Vaults;

/// <summary>Opens the records of packs.</summary>
internal static class PackOpener
{
    /// <summary>It holds more than a megabyte: to make one for each frame would cost as much as the frame.</summary>
    [ThreadStatic]
    private static ZstdDecompressor? _decompressor;

    /// <summary>Decrypts a record, as it was packed.</summary>
    /// <param name="cipher">Of the pack's key.</param>
    /// <param name="bytes">The record with its header.</param>
    /// <returns>Null where it is not what was stored.</returns>
    public static byte[]? Decrypt(AesGcm cipher, in PackRecord record, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Pack.RecordHeaderBytes + record.StoredBytes)
        {
            return null;
        }

        Span<byte> header = stackalloc byte[Pack.RecordHeaderBytes];
        Pack.WriteRecordHeader(record, header);
        var body = bytes.Slice(Pack.RecordHeaderBytes, record.StoredBytes);
        var packed = GC.AllocateUninitializedArray<byte>(record.StoredBytes - Pack.TagBytes);
        try
        {
            cipher.Decrypt(Pack.Nonce(record.Ordinal), body[..packed.Length], body[packed.Length..], packed, header);
            return bytes[..Pack.RecordHeaderBytes].SequenceEqual(header) ? packed : null;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    /// <summary>Opens records of a pack in their order; of a frame all from its beginning on.</summary>
    /// <param name="bytes">Of the pack.</param>
    /// <param name="origin">Where in the pack they begin.</param>
    public static List<OpenedRecord> Open(AesGcm cipher, IReadOnlyList<PackRecord> records, ReadOnlySpan<byte> bytes, int origin = 0)
    {
        var opened = new List<OpenedRecord>(records.Count);
        var isFrameWhole = false;
        foreach (var record in records)
        {
            var at = record.Offset - origin;
            var packed = at < bytes.Length ? Decrypt(cipher, record, bytes[at..]) : null;
            isFrameWhole |= record.Method == ChunkMethod.FrameBegin;
            var chunk = packed is null || (record.Method == ChunkMethod.FrameNext && !isFrameWhole) ? null : Unpack(record, packed);
            isFrameWhole &= chunk is not null || record.Method is ChunkMethod.Plain or ChunkMethod.Zstd;
            opened.Add(new OpenedRecord(record, packed, chunk));
        }

        return opened;
    }

    /// <param name="packed">As <see cref="Decrypt"/> answers it: authenticated, so it is what was once packed.</param>
    /// <returns>Null where it is not the chunk that its record says.</returns>
    private static byte[]? Unpack(in PackRecord record, byte[] packed)
    {
        if (record.Method == ChunkMethod.Plain)
        {
            return packed.Length == record.PlainBytes ? packed : null;
        }

        var plain = GC.AllocateUninitializedArray<byte>(record.PlainBytes);
        var decompressor = _decompressor ??= new ZstdDecompressor();
        if (record.Method != ChunkMethod.FrameNext)
        {
            decompressor.BeginFrame();
        }

        return decompressor.TryGoOn(packed, plain) ? plain : null;
    }
}

/// <summary>A record that was opened.</summary>
/// <param name="Packed">As it was before it was encrypted; null where it is not what was stored.</param>
/// <param name="Chunk">Null where it, or one before it in its frame, is not what was stored.</param>
internal readonly record struct OpenedRecord(PackRecord Record, byte[]? Packed, byte[]? Chunk);
