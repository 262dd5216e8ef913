using System.Globalization;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.S3.Signing;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.ObjectStorage.Objects;

/// <summary>The body of <c>POST /v1/buckets/{id}/presign</c>.</summary>
public sealed record PresignObjectRequest
{
    public required string Key { get; init; }

    /// <summary><c>GET</c>, <c>HEAD</c>, <c>PUT</c> or <c>DELETE</c>; left out, <c>GET</c>.</summary>
    public string? Method { get; init; }

    /// <summary>For how many seconds it holds: at most seven days. Left out, an hour.</summary>
    public int? ExpiresIn { get; init; }
}

/// <summary>A URL that opens one object for a time.</summary>
/// <param name="Url">On the S3 port; whoever has it needs nothing else.</param>
public sealed record PresignedUrl(string Url, string Method, DateTimeOffset ExpiresAt);

internal static class PresignObject
{
    private const int SecondsDefault = 3600;
    private const int SecondsMax = 7 * 24 * 3600;
    private const string Region = "us-east-1";

    private static readonly string[] Methods = ["GET", "HEAD", "PUT", "DELETE"];

    public static async Task<PresignedUrl> HandleAsync(
        string id, PresignObjectRequest request, Caller caller, ObjectStorageDbContext db, PresignKeys keys, S3Server server,
        IOptions<ObjectStorageOptions> options, TimeProvider time, CancellationToken ct)
    {
        var method = request.Method ?? "GET";
        var seconds = request.ExpiresIn ?? SecondsDefault;
        var errors = new FieldErrors();
        errors.Require(Methods.Contains(method), "method", $"Expected one of {string.Join(", ", Methods)}.");
        errors.Require(seconds is > 0 and <= SecondsMax, "expiresIn", $"Expected a number of seconds from 1 to {SecondsMax}.");
        errors.ThrowIfAny();
        var key = ObjectCall.RequireKey(request.Key);
        var bucket = await db.Buckets.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var now = time.GetUtcNow();
        var signer = keys.For(caller.Project, writes: method is "PUT" or "DELETE");
        var url = Sign(signer, method, new Uri(options.Value.PublicUrl ?? $"http://127.0.0.1:{server.Address.Port}"), bucket.Name, key,
            seconds, now);
        return new PresignedUrl(url, method, now.AddSeconds(seconds));
    }

    private static string Sign(AccessKey key, string method, Uri endpoint, string bucket, string objectKey, int seconds, DateTimeOffset now)
    {
        var date = now.UtcDateTime.ToString(SigningKey.TimeFormat, CultureInfo.InvariantCulture);
        var scope = $"{date[..8]}/{Region}/s3/{SigningKey.Terminator}";
        var path = $"/{bucket}/{S3Uri.Encode(objectKey, keepSlash: true)}";
        var query = $"X-Amz-Algorithm={SigningKey.Algorithm}&X-Amz-Credential={S3Uri.Encode($"{key.Principal.AccessKeyId}/{scope}", false)}"
            + $"&X-Amz-Date={date}&X-Amz-Expires={seconds}&X-Amz-SignedHeaders=host";
        var canonical = CanonicalRequest.Of(
            method, path, S3Query.Parse(query), new HeaderDictionary(), endpoint.Authority, ["host"], VerifiedRequest.UnsignedPayload);
        var signature = SigningKey.Sign(key.SigningKeyFor(date[..8], Region, "s3"), SigningKey.StringToSign(date, scope, canonical));
        return $"{endpoint.GetLeftPart(UriPartial.Authority)}{path}?{query}&X-Amz-Signature={signature}";
    }
}
