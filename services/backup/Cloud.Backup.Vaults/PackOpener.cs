using System.Security.Cryptography;
using ZstdSharp;

namespace Cloud.Backup.Vaults;

/// <summary>Opens the records of packs.</summary>
internal static class PackOpener
{
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
        var packed = new byte[record.StoredBytes - Pack.TagBytes];
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
        if (packed is null || record.Method == ChunkMethod.Plain)
        {
            return packed;
        }

        // Authenticated, so it is what this program once packed.
        var plain = new byte[record.PlainBytes];
        using var decompressor = new Decompressor();
        return decompressor.Unwrap(packed, plain) == plain.Length ? plain : null;
    }
}
