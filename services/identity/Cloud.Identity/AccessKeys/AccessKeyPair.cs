using System.Security.Cryptography;
using System.Text;
using Cloud.Identity.Secrets;

namespace Cloud.Identity.AccessKeys;

/// <summary>Makes pairs of the form that S3 clients know: 20 characters from <c>AKIA</c>, and a secret of 40.</summary>
internal static class AccessKeyPair
{
    public const string Prefix = "AKIA";

    public const int PublicIdLength = 20;

    private const int SecretLength = 40;

    // Base 32 of RFC 4648, as such ids have it: 80 bits.
    private const string IdLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    // No '/' and '+', which shells and URLs stumble over: 238 bits.
    private const string SecretLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    public static string NewPublicId() => Prefix + RandomNumberGenerator.GetString(IdLetters, PublicIdLength - Prefix.Length);

    public static string NewSecret() => RandomNumberGenerator.GetString(SecretLetters, SecretLength);

    public static bool IsPublicId(string text) => text.Length == PublicIdLength && text.StartsWith(Prefix, StringComparison.Ordinal);

    public static byte[] Seal(SecretBox secrets, string secret, string publicId) => secrets.Seal(Encoding.ASCII.GetBytes(secret), publicId);

    public static string Open(SecretBox secrets, byte[] sealedSecret, string publicId) =>
        Encoding.ASCII.GetString(secrets.Open(sealedSecret, publicId));
}
