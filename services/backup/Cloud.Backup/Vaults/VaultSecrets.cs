using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Cloud.ServiceDefaults.Auth;
using Microsoft.Extensions.Options;

namespace Cloud.Backup.Vaults;

/// <summary>What opens a vault.</summary>
/// <param name="Key">Its exported key.</param>
internal sealed record VaultSecrets(string Key, string? AccessKeyId = null, string? SecretAccessKey = null);

/// <summary>Seals what must not lie in the database in clear by a key in a file: AES-256-GCM, bound to the row it is of.</summary>
internal sealed class SecretSeal(IOptions<BackupOptions> options)
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int KeyBytes = 32;

    private readonly byte[] _key = Convert.FromHexString(PrivateFile.ReadOrCreate(
        options.Value.KeyFile, () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(KeyBytes))).Trim());

    /// <param name="of">What the secret is of: it opens for nothing else.</param>
    public string Seal<T>(T secret, string of)
    {
        var plain = JsonSerializer.SerializeToUtf8Bytes(secret);
        var bytes = new byte[NonceBytes + plain.Length + TagBytes];
        RandomNumberGenerator.Fill(bytes.AsSpan(0, NonceBytes));
        using var cipher = new AesGcm(_key, TagBytes);
        cipher.Encrypt(
            bytes.AsSpan(0, NonceBytes), plain, bytes.AsSpan(NonceBytes, plain.Length), bytes.AsSpan(NonceBytes + plain.Length),
            Encoding.UTF8.GetBytes(of));
        return Convert.ToBase64String(bytes);
    }

    public T Open<T>(string text, string of)
    {
        var bytes = Convert.FromBase64String(text);
        var plain = new byte[bytes.Length - NonceBytes - TagBytes];
        using var cipher = new AesGcm(_key, TagBytes);
        cipher.Decrypt(
            bytes.AsSpan(0, NonceBytes), bytes.AsSpan(NonceBytes, plain.Length), bytes.AsSpan(NonceBytes + plain.Length), plain,
            Encoding.UTF8.GetBytes(of));
        return JsonSerializer.Deserialize<T>(plain)!;
    }
}
