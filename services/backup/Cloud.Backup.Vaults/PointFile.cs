using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Cloud.Backup.Vaults;

/// <summary>
/// The format of a recovery point's file, <c>points/ID</c>:
/// <c>CLOUDRP1 | salt (32) | AES-256-GCM of the zstd of the document's JSON | tag (16)</c>. The key is derived of the vault's by the
/// salt, the nonce is zero; the file's name is authenticated with it, so that no point passes for another.
/// </summary>
internal static class PointFile
{
    private const int SaltBytes = 32;
    private const int NonceBytes = 12;
    private const int DocumentBytesMax = 1 << 30;
    private const int CompressionLevel = 3;
    private static readonly byte[] Magic = Encoding.ASCII.GetBytes("CLOUDRP1");
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static string NameOf(string point) => $"points/{point}";

    public static byte[] Write(PointDocument point, VaultKey key)
    {
        var plain = JsonSerializer.SerializeToUtf8Bytes(point, Json);
        using var compressor = new ZstdCompressor(CompressionLevel);
        var room = new byte[ZstdCompressor.BoundOf(plain.Length)];
        var packed = room.AsSpan(0, compressor.Compress(plain, room));
        var bytes = new byte[Magic.Length + SaltBytes + packed.Length + Pack.TagBytes];
        Magic.CopyTo(bytes, 0);
        var salt = bytes.AsSpan(Magic.Length, SaltBytes);
        RandomNumberGenerator.Fill(salt);
        using var cipher = new AesGcm(key.ForPoint(salt), Pack.TagBytes);
        var body = bytes.AsSpan(Magic.Length + SaltBytes);
        var name = Encoding.UTF8.GetBytes(NameOf(point.Id));
        cipher.Encrypt(new byte[NonceBytes], packed, body[..packed.Length], body[packed.Length..], name);
        return bytes;
    }

    /// <summary>What tells this very file from any other, also from one that somebody wrote who has the vault's key.</summary>
    public static string DigestOf(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <exception cref="VaultException">It is not what was stored.</exception>
    public static PointDocument Read(string id, ReadOnlySpan<byte> bytes, VaultKey key)
    {
        if (bytes.Length < Magic.Length + SaltBytes + Pack.TagBytes || !bytes[..Magic.Length].SequenceEqual(Magic))
        {
            throw new VaultException(VaultFault.Damaged, $"The file of recovery point {id} is cut short or none of a vault's.");
        }

        using var cipher = new AesGcm(key.ForPoint(bytes.Slice(Magic.Length, SaltBytes)), Pack.TagBytes);
        var body = bytes[(Magic.Length + SaltBytes)..];
        var packed = new byte[body.Length - Pack.TagBytes];
        try
        {
            cipher.Decrypt(new byte[NonceBytes], body[..packed.Length], body[packed.Length..], packed, Encoding.UTF8.GetBytes(NameOf(id)));
        }
        catch (AuthenticationTagMismatchException wrong)
        {
            throw new VaultException(VaultFault.Damaged, $"The file of recovery point {id} is not what was stored.", wrong);
        }

        using var decompressor = new ZstdDecompressor();
        var plain = decompressor.Open(packed, DocumentBytesMax)
            ?? throw new VaultException(VaultFault.Damaged, $"The file of recovery point {id} is not what was stored.");
        return JsonSerializer.Deserialize<PointDocument>(plain, Json)!;
    }
}
