using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Cloud.Primitives;

namespace Cloud.Identity.Tokens;

/// <summary>
/// An API token as its user holds it: <c>cloud_ID_SECRET</c> and six characters of checksum without a separator. ID is the token's id
/// without its prefix, which finds the row; SECRET has 256 bits. A slip of the pen, and what a scanner for lost secrets finds, is told by
/// the checksum without asking the database.
/// </summary>
internal static class TokenText
{
    private const string Prefix = "cloud_";
    private const int IdLength = 26;
    private const int SecretLength = 43;
    private const int ChecksumLength = 6;
    private const int SecretAt = 6 + IdLength + 1;
    private const int ChecksumAt = SecretAt + SecretLength;
    private const int Length = ChecksumAt + ChecksumLength;

    // 43 of 62 letters are 256 bits.
    private const string Letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    public static string New(TokenId id)
    {
        var text = $"{Prefix}{id.Value[(TokenId.Prefix.Length + 1)..]}_{RandomNumberGenerator.GetString(Letters, SecretLength)}";
        return text + ChecksumOf(text);
    }

    /// <summary>What is stored. The secret is random and long, so a plain hash gives nothing away.</summary>
    public static byte[] HashOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    /// <summary>Cheap: whether it can be a token at all.</summary>
    public static bool HasForm([NotNullWhen(true)] string? text) =>
        text is { Length: Length } && text.StartsWith(Prefix, StringComparison.Ordinal) && text[SecretAt - 1] == '_';

    /// <summary>The id, where the checksum is right.</summary>
    public static bool TryReadId(string? text, out TokenId id)
    {
        id = default;
        return HasForm(text)
            && TypedId.TryParse($"{TokenId.Prefix}-{text.AsSpan(Prefix.Length, IdLength)}", out id)
            && text.AsSpan(ChecksumAt).SequenceEqual(ChecksumOf(text[..ChecksumAt]));
    }

    private static string ChecksumOf(string text)
    {
        var hash = HashOf(text);
        return string.Create(ChecksumLength, hash, static (checksum, bytes) =>
        {
            for (var at = 0; at < checksum.Length; at++)
            {
                checksum[at] = Letters[bytes[at] % Letters.Length];
            }
        });
    }
}
