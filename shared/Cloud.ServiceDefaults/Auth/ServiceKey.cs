using System.Security.Cryptography;
using System.Text;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>
/// The secret by which the cloud's own processes know one another on <c>/internal</c> routes. It lies in the file
/// <c>Cloud:ServiceKeyFile</c> (<c>{Cloud:Data}/secrets/service.key</c>, mode 0600); the first process makes it.
/// </summary>
public sealed class ServiceKey
{
    /// <summary>The word before the secret in the <c>Authorization</c> header.</summary>
    public const string HeaderScheme = "Service";

    private const int SecretBytes = 32;

    private readonly byte[] _hash;

    private ServiceKey(string secret)
    {
        _hash = SHA256.HashData(Encoding.UTF8.GetBytes(secret));
        Header = $"{HeaderScheme} {secret}";
    }

    /// <summary>The <c>Authorization</c> header of a call to another process. Never logged.</summary>
    public string Header { get; }

    /// <summary>Reads the key's file; makes it where there is none.</summary>
    /// <exception cref="InvalidOperationException">The file is empty.</exception>
    public static ServiceKey ReadOrCreate(string path)
    {
        var secret = PrivateFile.ReadOrCreate(path, () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SecretBytes))).Trim();
        return secret.Length > 0
            ? new ServiceKey(secret)
            : throw new InvalidOperationException($"The service key's file {path} is empty: remove it.");
    }

    /// <summary>In a time that does not tell how much of it is right.</summary>
    public bool Matches(ReadOnlySpan<char> secret)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        var bytes = new byte[Encoding.UTF8.GetByteCount(secret)];
        Encoding.UTF8.GetBytes(secret, bytes);
        SHA256.HashData(bytes, hash);
        return CryptographicOperations.FixedTimeEquals(hash, _hash);
    }

    /// <summary>Not the secret.</summary>
    public override string ToString() => nameof(ServiceKey);
}
