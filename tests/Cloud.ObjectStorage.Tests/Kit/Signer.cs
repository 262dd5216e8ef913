using System.Globalization;
using Cloud.Identity.Contracts;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.S3.Signing;
using Microsoft.AspNetCore.Http;

namespace Cloud.ObjectStorage.Tests.Kit;

/// <summary>Signs URLs that no SDK would.</summary>
internal static class Signer
{
    /// <param name="path">Encoded.</param>
    /// <param name="query">Encoded, without what the signature adds; empty for none.</param>
    public static string Url(
        AccessKeySecret key, Uri endpoint, string method, string path, string query, DateTimeOffset at, int seconds = 60)
    {
        var date = at.UtcDateTime.ToString(SigningKey.TimeFormat, CultureInfo.InvariantCulture);
        var scope = $"{date[..8]}/us-east-1/s3/{SigningKey.Terminator}";
        var all = $"{query}{(query.Length > 0 ? "&" : "")}X-Amz-Algorithm={SigningKey.Algorithm}"
            + $"&X-Amz-Credential={S3Uri.Encode($"{key.AccessKeyId}/{scope}", false)}&X-Amz-Date={date}&X-Amz-Expires={seconds}"
            + "&X-Amz-SignedHeaders=host";
        var canonical = CanonicalRequest.Of(
            method, path, S3Query.Parse(all), new HeaderDictionary(), endpoint.Authority, ["host"], VerifiedRequest.UnsignedPayload);
        var signature = SigningKey.Sign(
            SigningKey.Derive(key.SecretAccessKey, date[..8], "us-east-1", "s3"), SigningKey.StringToSign(date, scope, canonical));
        return $"{path}?{all}&X-Amz-Signature={signature}";
    }
}
