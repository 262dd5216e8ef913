using System.Security.Cryptography;
using Cloud.Primitives;
using Microsoft.Extensions.Primitives;

namespace Cloud.BlockStorage.Content;

/// <summary>Checksums as RFC 9530 writes them: <c>sha-256=:BASE64:</c>.</summary>
internal static class ContentDigest
{
    /// <summary>Of what was sent.</summary>
    public const string SentHeader = "Content-Digest";

    /// <summary>Of the whole, whatever part is sent.</summary>
    public const string WholeHeader = "Repr-Digest";

    /// <summary>The caller's wish for <see cref="WholeHeader"/>.</summary>
    public const string WantedHeader = "Want-Repr-Digest";

    private const string Algorithm = "sha-256";

    public static string Of(byte[] sha256) => $"{Algorithm}=:{Convert.ToBase64String(sha256)}:";

    public static bool IsWanted(StringValues header) => header.ToString().Contains(Algorithm, StringComparison.OrdinalIgnoreCase);

    /// <summary>What the body's SHA-256 has to be; null where the caller does not say.</summary>
    /// <exception cref="CloudException">It is none.</exception>
    public static byte[]? Read(StringValues header)
    {
        var text = header.ToString();
        if (text.Length == 0)
        {
            return null;
        }

        var hash = new byte[SHA256.HashSizeInBytes];
        return text.StartsWith($"{Algorithm}=:", StringComparison.OrdinalIgnoreCase) && text.EndsWith(':')
            && Convert.TryFromBase64String(text[(Algorithm.Length + 2)..^1], hash, out var length) && length == hash.Length
            ? hash
            : throw CloudException.Invalid(SentHeader, $"Expected {Algorithm}=:BASE64:, as RFC 9530 says.");
    }
}
