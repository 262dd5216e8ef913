using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Cloud.ObjectStorage.S3.Signing;

/// <summary>Signature Version 4's arithmetic (AWS General Reference, "Create a signed AWS API request").</summary>
internal static class SigningKey
{
    public const string Algorithm = "AWS4-HMAC-SHA256";
    public const string Terminator = "aws4_request";
    public const string TimeFormat = "yyyyMMdd'T'HHmmss'Z'";

    public static byte[] Derive(string secret, string date, string region, string service)
    {
        var key = HMACSHA256.HashData(Encoding.UTF8.GetBytes("AWS4" + secret), Encoding.ASCII.GetBytes(date));
        key = HMACSHA256.HashData(key, Encoding.Latin1.GetBytes(region));
        key = HMACSHA256.HashData(key, Encoding.Latin1.GetBytes(service));
        return HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(Terminator));
    }

    public static string Sign(byte[] key, string text) => Convert.ToHexStringLower(HMACSHA256.HashData(key,
        Encoding.Latin1.GetBytes(text)));

    public static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.Latin1.GetBytes(text)));

    public static string StringToSign(string date, string scope, string canonicalRequest) =>
        string.Create(CultureInfo.InvariantCulture, $"{Algorithm}\n{date}\n{scope}\n{Hash(canonicalRequest)}");

    /// <summary>In a time that does not tell how much of it is right.</summary>
    public static bool Equal(string one, string other) =>
        CryptographicOperations.FixedTimeEquals(Encoding.Latin1.GetBytes(one), Encoding.Latin1.GetBytes(other));
}
