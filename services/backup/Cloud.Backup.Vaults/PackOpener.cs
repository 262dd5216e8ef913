using System.Security.Cryptography;
using ZstdSharp;

namespace Cloud.Backup.Vaults;

/// <summary>Opens the records of packs.</summary>
internal static class PackOpener
{
    /// <summary>It holds 160 KB: to make one for each chunk would cost as much as the chunk.</summary>
    [ThreadStatic]
    private static Decompressor? _decompressor;

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

    /// <returns>Null where it is not what was stored.</returns>
    public static byte[]? Open(AesGcm cipher, in PackRecord record, ReadOnlySpan<byte> bytes)
    {
        var packed = Decrypt(cipher, record, bytes);
        return packed is null ? null : Unpack(record, packed);
    }

    /// <param name="packed">As <see cref="Decrypt"/> answers it: authenticated, so it is what was once packed.</param>
    /// <returns>Null where it is not the chunk that its record says.</returns>
    public static byte[]? Unpack(in PackRecord record, byte[] packed)
    {
        if (record.Method == ChunkMethod.Plain)
        {
            return packed.Length == record.PlainBytes ? packed : null;
        }

        var plain = GC.AllocateUninitializedArray<byte>(record.PlainBytes);
        try
        {
            return (_decompressor ??= new Decompressor()).Unwrap(packed, plain) == plain.Length ? plain : null;
        }
        catch (ZstdException)
        {
            return null;
        }
    }
}
