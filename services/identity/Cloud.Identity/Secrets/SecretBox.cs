using System.Security.Cryptography;
using System.Text;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Secrets;

/// <summary>
/// Encrypts what must be read again (access keys' secrets, private keys) before it goes into the database: AES-256-GCM with the master
/// key in the file <c>{Cloud:Data}/secrets/identity.key</c> (<c>Cloud:Identity:KeyFile</c>), mode 0600. A backup of the database alone
/// opens nothing; without the file its secrets are lost.
/// </summary>
internal sealed class SecretBox
{
    private const int KeyBytes = 32;
    private const int FingerprintBytes = 4;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int HeaderBytes = FingerprintBytes + NonceBytes + TagBytes;

    private readonly byte[] _key;
    private readonly byte[] _fingerprint;

    public SecretBox(byte[] key)
    {
        _key = key;
        _fingerprint = SHA256.HashData(key)[..FingerprintBytes];
    }

    /// <summary>Reads the master key; makes it where there is none.</summary>
    /// <exception cref="InvalidOperationException">The file holds something else.</exception>
    public static SecretBox ReadOrCreate(string path)
    {
        var text = PrivateFile.ReadOrCreate(path, () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(KeyBytes))).Trim();
        return text.Length == 2 * KeyBytes && text.All(char.IsAsciiHexDigit)
            ? new SecretBox(Convert.FromHexString(text))
            : throw new InvalidOperationException($"{path} holds no key: expected {2 * KeyBytes} hexadecimal digits.");
    }

    /// <param name="owner">What it belongs to; only with the same it opens, so that secrets cannot change places in the database.</param>
    public byte[] Seal(ReadOnlySpan<byte> secret, string owner)
    {
        var box = new byte[HeaderBytes + secret.Length];
        _fingerprint.CopyTo(box, 0);
        var nonce = box.AsSpan(FingerprintBytes, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_key, TagBytes);
        var tag = box.AsSpan(FingerprintBytes + NonceBytes, TagBytes);
        aes.Encrypt(nonce, secret, box.AsSpan(HeaderBytes), tag, Encoding.UTF8.GetBytes(owner));
        return box;
    }

    /// <exception cref="CryptographicException">It was sealed with another master key, for another owner, or was changed.</exception>
    public byte[] Open(ReadOnlySpan<byte> box, string owner)
    {
        if (box.Length < HeaderBytes)
        {
            throw new CryptographicException($"The secret of {owner} is cut.");
        }

        if (!box[..FingerprintBytes].SequenceEqual(_fingerprint))
        {
            var other = Convert.ToHexStringLower(box[..FingerprintBytes]);
            var own = Convert.ToHexStringLower(_fingerprint);
            throw new CryptographicException($"The secret of {owner} was sealed with the master key {other}; this one is {own}.");
        }

        var secret = new byte[box.Length - HeaderBytes];
        using var aes = new AesGcm(_key, TagBytes);
        var tag = box.Slice(FingerprintBytes + NonceBytes, TagBytes);
        aes.Decrypt(box.Slice(FingerprintBytes, NonceBytes), box[HeaderBytes..], tag, secret, Encoding.UTF8.GetBytes(owner));
        return secret;
    }
}
