using System.Security.Cryptography;
using System.Text;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Guests;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.Host.Volumes;

/// <summary>
/// What the keys of volumes are wrapped by (AES-256-GCM). Its file has a key a line, 64 hexadecimal digits; the first is the present one.
/// Others are there while keys are wrapped anew, and where an operator has put a line of their own before the one there was.
/// </summary>
internal sealed class MasterKey
{
    private const int KeyBytes = 32;
    private const int IdDigits = 8;
    private static readonly int NonceBytes = AesGcm.NonceByteSizes.MaxSize;
    private static readonly int TagBytes = AesGcm.TagByteSizes.MaxSize;

    private readonly string _path;
    private List<byte[]> _keys;

    /// <exception cref="InvalidOperationException">The file holds something else.</exception>
    public MasterKey(string path)
    {
        _path = path;
        var text = PrivateFile.ReadOrCreate(path, () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(KeyBytes)));

        // What it wraps is not to outlive it.
        DurableFile.FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        _keys = lines.Length > 0 && lines.All(line => line.Length == 2 * KeyBytes && line.All(char.IsAsciiHexDigit))
            ? lines.Select(Convert.FromHexString).ToList()
            : throw new InvalidOperationException($"{path} holds no key: expected {2 * KeyBytes} hexadecimal digits a line.");
    }

    /// <summary>Keys may still be wrapped by one before.</summary>
    public bool HasOthers => _keys.Count > 1;

    /// <summary>The present key, as a line of the file.</summary>
    public string Text => Convert.ToHexStringLower(_keys[0]);

    public static string NewPassphrase() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(KeyBytes));

    /// <summary>As <c>KEY:BASE64</c>, the beginning of the master key's hash and what it has encrypted.</summary>
    public string Wrap(string passphrase)
    {
        var plain = Encoding.UTF8.GetBytes(passphrase);
        var wrapped = new byte[NonceBytes + TagBytes + plain.Length];
        var nonce = wrapped.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var cipher = new AesGcm(_keys[0], TagBytes);
        cipher.Encrypt(nonce, plain, wrapped.AsSpan(NonceBytes + TagBytes), wrapped.AsSpan(NonceBytes, TagBytes));
        return $"{IdOf(_keys[0])}:{Convert.ToBase64String(wrapped)}";
    }

    /// <exception cref="CloudException">The master key that wrapped it is not in the file.</exception>
    public string Unwrap(string text)
    {
        var key = Find(text)
            ?? throw CloudException.Conflict(
                HostErrors.MasterKeyMissing,
                "The master key by which the volume is encrypted is not on its host: give it back to the host.");
        var wrapped = Convert.FromBase64String(text[(IdDigits + 1)..]).AsSpan();
        var plain = new byte[wrapped.Length - NonceBytes - TagBytes];
        using var cipher = new AesGcm(key, TagBytes);
        cipher.Decrypt(wrapped[..NonceBytes], wrapped[(NonceBytes + TagBytes)..], wrapped.Slice(NonceBytes, TagBytes), plain);
        return Encoding.UTF8.GetString(plain);
    }

    /// <summary>Whether the master key that wrapped it is in the file.</summary>
    public bool Knows(string text) => Find(text) is not null;

    /// <summary>Makes a new key the present one, durable when this ends; those before still unwrap.</summary>
    public void Add() => Write([RandomNumberGenerator.GetBytes(KeyBytes), .. _keys]);

    /// <summary>The present key alone is left, durable when this ends.</summary>
    public void ForgetOthers()
    {
        if (HasOthers)
        {
            Write([_keys[0]]);
        }
    }

    private byte[]? Find(string wrapped) => _keys.Find(one => wrapped.StartsWith(IdOf(one), StringComparison.Ordinal));

    private static string IdOf(byte[] key) => Convert.ToHexStringLower(SHA256.HashData(key))[..IdDigits];

    private void Write(List<byte[]> keys)
    {
        PrivateFile.Replace(_path, string.Join('\n', keys.Select(Convert.ToHexStringLower)) + "\n");
        DurableFile.FlushFolder(Path.GetDirectoryName(Path.GetFullPath(_path))!);
        _keys = keys;
    }
}
