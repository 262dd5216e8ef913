using System.Security.Cryptography;
using System.Text;

namespace Cloud.Backup.Vaults;

/// <summary>
/// The one secret of a vault, 256 bits. Everything else is derived of it by HKDF-SHA256: the key that names chunks, a key for each pack and
/// one for each recovery point. Whoever has it and a copy of the vault can restore.
/// </summary>
public sealed class VaultKey
{
    public const int SizeBytes = 32;

    private const string ExportPrefix = "cloud-vault-key-1:";

    private readonly byte[] _key;
    private readonly byte[] _chunkNames;

    public VaultKey(ReadOnlySpan<byte> key)
    {
        if (key.Length != SizeBytes)
        {
            throw new ArgumentException($"A vault's key has {SizeBytes} bytes.", nameof(key));
        }

        _key = key.ToArray();
        _chunkNames = Derive("chunk-names", []);
    }

    public static VaultKey Create() => new(RandomNumberGenerator.GetBytes(SizeBytes));

    /// <summary>The key as text, to be kept outside of the cloud.</summary>
    public string Export() => ExportPrefix + Convert.ToHexStringLower(_key);

    /// <exception cref="VaultException">It is no exported key.</exception>
    public static VaultKey Import(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var trimmed = text.Trim();
        if (!trimmed.StartsWith(ExportPrefix, StringComparison.Ordinal))
        {
            throw new VaultException(VaultFault.WrongKey, $"A vault's key begins with '{ExportPrefix}'.");
        }

        try
        {
            return new VaultKey(Convert.FromHexString(trimmed.AsSpan(ExportPrefix.Length)));
        }
        catch (Exception wrong) when (wrong is FormatException or ArgumentException)
        {
            throw new VaultException(
                VaultFault.WrongKey, $"A vault's key is '{ExportPrefix}' and {SizeBytes * 2} hexadecimal digits.", wrong);
        }
    }

    /// <summary>The key's bytes, for who wraps it.</summary>
    public byte[] ToBytes() => [.. _key];

    /// <summary>Shown in a vault's description, so that a wrong key is refused at the door.</summary>
    internal byte[] Check() => Derive("check", []);

    internal byte[] ForPack(PackId pack) => Derive("pack", Convert.FromHexString(pack.Value));

    internal byte[] ForIndex() => Derive("index", []);

    internal byte[] ForPoint(ReadOnlySpan<byte> salt) => Derive("point", salt);

    internal ChunkId NameOf(ReadOnlySpan<byte> chunk)
    {
        Span<byte> name = stackalloc byte[ChunkId.SizeBytes];
        HMACSHA256.HashData(_chunkNames, chunk, name);
        return new ChunkId(name);
    }

    private byte[] Derive(string purpose, ReadOnlySpan<byte> salt)
    {
        var derived = new byte[SizeBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, derived, salt, Encoding.ASCII.GetBytes("cloud vault 1 " + purpose));
        return derived;
    }
}
