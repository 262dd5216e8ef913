using System.Globalization;
using Microsoft.Extensions.Options;

namespace Cloud.ObjectStorage.S3.Signing;

/// <summary>The one door: whose a request is. Signature Version 4, in the header or in the URL; with neither, it is anonymous.</summary>
internal sealed class SignatureVerifier(AccessKeys keys, IOptions<ObjectStorageOptions> options, TimeProvider time)
{
    private const string HeaderVersion2 = "AWS ";
    private const string Service = "s3";
    private const int ExpirySecondsMax = 7 * 24 * 3600;
    private const int SignedHeadersMax = 100;

    /// <summary>Those that are signed for by mistake: of the web, of the REST API, of S3.</summary>
    private static readonly int[] UsualPorts = [80, 443, 8080, 9000];

    public const string OnlyVersion4 =
        "The authorization mechanism you have provided is not supported: only Signature Version 4 (AWS4-HMAC-SHA256) is.";

    /// <exception cref="S3Exception">It says that it is signed, and it is not right.</exception>
    public async ValueTask<VerifiedRequest> VerifyAsync(S3Request request)
    {
        if (request.Header("Authorization") is { } header)
        {
            return await VerifyHeaderAsync(request, header);
        }

        if (request.Query.Has("X-Amz-Algorithm") || request.Query.Has("X-Amz-Signature") || request.Query.Has("X-Amz-Credential"))
        {
            return await VerifyQueryAsync(request);
        }

        if (request.Query.Has("AWSAccessKeyId") && request.Query.Has("Signature"))
        {
            throw S3Error.InvalidRequest.With(OnlyVersion4);
        }

        return VerifiedRequest.Anonymous with
        {
            PayloadHash = request.Header("x-amz-content-sha256") is { } hash && IsUnsigned(hash) ? hash : VerifiedRequest.UnsignedPayload,
        };
    }

    /// <summary>A policy of a form, which is signed as it stands.</summary>
    public async ValueTask<Principal> VerifyPolicyAsync(
        string policy, string algorithm, string credentialText, string date, string signature, CancellationToken ct)
    {
        if (algorithm != SigningKey.Algorithm)
        {
            throw S3Error.InvalidArgument.With(OnlyVersion4);
        }

        var credential = Credential.Parse(credentialText, S3Error.InvalidArgument);
        if (!date.StartsWith(credential.Date, StringComparison.Ordinal))
        {
            throw S3Error.InvalidArgument.With("x-amz-date is of another day than the credential.");
        }

        var key = await RequireKeyAsync(credential, ct);
        var expected = SigningKey.Sign(key.SigningKeyFor(credential.Date, credential.Region, credential.Service), policy);
        return SigningKey.Equal(expected, signature) ? key.Principal : throw S3Error.SignatureDoesNotMatch.With();
    }

    private static bool IsUnsigned(string hash) => hash is VerifiedRequest.UnsignedPayload or VerifiedRequest.UnsignedTrailer;

    private async ValueTask<VerifiedRequest> VerifyHeaderAsync(S3Request request, string header)
    {
        if (header.StartsWith(HeaderVersion2, StringComparison.Ordinal))
        {
            throw S3Error.InvalidArgument.With(OnlyVersion4, ("ArgumentName", "Authorization"));
        }

        if (!header.StartsWith(SigningKey.Algorithm, StringComparison.Ordinal))
        {
            throw header.StartsWith("AWS4-", StringComparison.Ordinal)
                ? S3Error.NotImplemented.With(OnlyVersion4)
                : S3Error.InvalidArgument.With(OnlyVersion4, ("ArgumentName", "Authorization"));
        }

        var fields = Fields(header[SigningKey.Algorithm.Length..]);
        var credential = Credential.Parse(Require(fields, "Credential"), S3Error.AuthorizationHeaderMalformed);
        var signature = Require(fields, "Signature");
        var signedHeaders = SignedHeaders(Require(fields, "SignedHeaders"), S3Error.AuthorizationHeaderMalformed);
        var date = DateOf(request, out var text);
        if (!text.StartsWith(credential.Date, StringComparison.Ordinal))
        {
            throw S3Error.AuthorizationHeaderMalformed.With("The credential's date is another than that of the request.");
        }

        if ((time.GetUtcNow() - date).Duration() > options.Value.ClockSkew)
        {
            throw S3Error.RequestTimeTooSkewed.With(
                null, ("RequestTime", text), ("ServerTime", Text(time.GetUtcNow())),
                ("MaxAllowedSkewMilliseconds", options.Value.ClockSkew.TotalMilliseconds.ToString(CultureInfo.InvariantCulture)));
        }

        var hash = request.Header("x-amz-content-sha256")
            ?? throw S3Error.InvalidRequest.With("Missing required header for this request: x-amz-content-sha256");
        RequireAllSigned(request, signedHeaders, inQuery: false);
        return await VerifyAsync(request, credential, text, signedHeaders, signature, RequireHash(hash));
    }

    private async ValueTask<VerifiedRequest> VerifyQueryAsync(S3Request request)
    {
        var query = request.Query;
        if (query["X-Amz-Algorithm"] != SigningKey.Algorithm)
        {
            throw S3Error.AuthorizationQueryParametersError.With($"X-Amz-Algorithm only supports \"{SigningKey.Algorithm}\"");
        }

        var malformed = S3Error.AuthorizationQueryParametersError;
        var credential = Credential.Parse(Require(query, "X-Amz-Credential"), malformed);
        var text = Require(query, "X-Amz-Date");
        var signature = Require(query, "X-Amz-Signature");
        var signedHeaders = SignedHeaders(Require(query, "X-Amz-SignedHeaders"), malformed);
        if (!int.TryParse(Require(query, "X-Amz-Expires"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || seconds > ExpirySecondsMax)
        {
            throw malformed.With($"X-Amz-Expires must be a number from 0 to {ExpirySecondsMax}, in seconds.");
        }

        if (!TryReadTime(text, out var date) || !text.StartsWith(credential.Date, StringComparison.Ordinal))
        {
            throw malformed.With("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\", of the credential's day.");
        }

        var now = time.GetUtcNow();
        if (date > now + options.Value.ClockSkew)
        {
            throw S3Error.RequestExpired.With("Request is not yet valid", ("ServerTime", Text(now)));
        }

        if (now > date.AddSeconds(seconds))
        {
            throw S3Error.RequestExpired.With(
                null, ("X-Amz-Expires", $"{seconds}"), ("Expires", Text(date.AddSeconds(seconds))), ("ServerTime", Text(now)));
        }

        RequireAllSigned(request, signedHeaders, inQuery: true);
        var hash = request.Header("x-amz-content-sha256") ?? query["X-Amz-Content-Sha256"] ?? VerifiedRequest.UnsignedPayload;
        return await VerifyAsync(request, credential, text, signedHeaders, signature, RequireHash(hash));
    }

    private async ValueTask<VerifiedRequest> VerifyAsync(
        S3Request request, Credential credential, string date, List<string> signedHeaders, string signature, string payloadHash)
    {
        var key = await RequireKeyAsync(credential, request.Aborted);
        var signingKey = key.SigningKeyFor(credential.Date, credential.Region, credential.Service);
        var path = S3Uri.Encode(S3Uri.Decode(request.RawPath, plusIsSpace: false), keepSlash: true);
        if (Matches(request.Host) is { } scope)
        {
            return new VerifiedRequest(key.Principal, payloadHash, signingKey, scope, date, signature);
        }

        // A proxy or a forwarded port may stand between: what was signed for one of our names holds at all of them.
        foreach (var name in Candidates(request))
        {
            if (Matches(name) is { } other)
            {
                return new VerifiedRequest(key.Principal, payloadHash, signingKey, other, date, signature);
            }
        }

        var signedFor = Strangers(request).FirstOrDefault(name => Matches(name) is not null);
        throw S3Error.SignatureDoesNotMatch.With(
            signedFor is null
                ? null
                : $"The request was signed for the host '{signedFor}' and the host '{request.Host}' was asked, which is none of its names.",
            ("AWSAccessKeyId", credential.AccessKeyId), ("SignatureProvided", signature),
            ("StringToSign", SigningKey.StringToSign(date, credential.Scope, Canonical(request.Host, path))),
            ("CanonicalRequest", Canonical(request.Host, path)), ("HostAsked", request.Host),
            ("HostSigned", signedFor ?? "none of those that were tried"),
            ("HostsTried", string.Join(", ", Candidates(request).Prepend(request.Host))));

        string? Matches(string host) =>
            IsSigned(Canonical(host, path)) || (path != request.RawPath && IsSigned(Canonical(host, request.RawPath)))
                ? credential.Scope
                : null;

        bool IsSigned(string canonical) =>
            SigningKey.Equal(SigningKey.Sign(signingKey, SigningKey.StringToSign(date, credential.Scope, canonical)), signature);

        string Canonical(string host, string target) => CanonicalRequest.Of(
            request.Method, target, request.Query, request.Headers, host, signedHeaders, payloadHash);
    }

    /// <summary>
    /// Hosts that a request may have been signed for by mistake. It is refused all the same; that it says so saves its user an hour.
    /// </summary>
    private IEnumerable<string> Strangers(S3Request request)
    {
        var port = request.Http.Connection.LocalPort;
        var asked = request.Host.Split(':')[0];
        var names = options.Value.HostNames.Append(asked).Append(Environment.MachineName)
            .Concat(new[] { request.Header("Origin"), request.Header("Referer"), options.Value.PublicUrl }
                .Select(text => Uri.TryCreate(text, UriKind.Absolute, out var url) ? url.Host : null).OfType<string>());
        return names.Distinct(StringComparer.OrdinalIgnoreCase)
            .SelectMany(name => request.BucketName is { } bucket ? new[] { name, $"{bucket}.{name}" } : [name])
            .SelectMany(name => UsualPorts.Append(port).Select(one => $"{name}:{one}").Prepend(name));
    }

    private IEnumerable<string> Candidates(S3Request request)
    {
        var port = request.Http.Connection.LocalPort;

        // In the host's name or in the path, but where it was signed: BUCKET.NAME/KEY and NAME/KEY are two objects.
        var prefix = request.IsVirtualHosted ? request.BucketName + "." : "";
        var hosts = options.Value.HostNames.SelectMany(name => new[] { prefix + name, $"{prefix}{name}:{port}" })
            .Append(request.IsVirtualHosted ? "" : request.Header("X-Forwarded-Host") ?? "");
        return hosts.Where(host => host.Length > 0 && host != request.Host);
    }

    private async ValueTask<AccessKey> RequireKeyAsync(Credential credential, CancellationToken ct) =>
        await keys.FindAsync(credential.AccessKeyId, ct)
        ?? throw S3Error.InvalidAccessKeyId.With(null, ("AWSAccessKeyId", credential.AccessKeyId));

    private static string RequireHash(string hash) => hash switch
    {
        VerifiedRequest.UnsignedPayload or VerifiedRequest.UnsignedTrailer or VerifiedRequest.SignedChunks
            or VerifiedRequest.SignedChunksTrailer => hash,
        _ when hash.StartsWith("STREAMING-", StringComparison.Ordinal) => throw S3Error.NotImplemented.With($"{hash} is not supported."),
        _ when hash.Length == 64 && hash.All(char.IsAsciiHexDigit) => hash,
        _ => throw S3Error.InvalidArgument.With(
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
            + "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
            ("ArgumentName", "x-amz-content-sha256"), ("ArgumentValue", hash)),
    };

    /// <summary>What is not signed, somebody on the way may have added.</summary>
    private static void RequireAllSigned(S3Request request, List<string> signedHeaders, bool inQuery)
    {
        if (!signedHeaders.Contains("host"))
        {
            throw S3Error.SignatureDoesNotMatch.With("The header 'host' must be signed.");
        }

        var unsigned = request.Headers.Select(header => header.Key.ToLowerInvariant()).Where(
            name => name.StartsWith("x-amz-", StringComparison.Ordinal) && !signedHeaders.Contains(name)
                && !(inQuery && name is "x-amz-content-sha256" or "x-amz-user-agent")).ToList();
        if (unsigned.Count > 0)
        {
            throw S3Error.AccessDenied.With(
                "There were headers present in the request which were not signed", ("HeadersNotSigned", string.Join(", ", unsigned)));
        }
    }

    private static List<string> SignedHeaders(string text, S3Error malformed)
    {
        var names = text.Split(';').ToList();
        return names.Count <= SignedHeadersMax && names.TrueForAll(name => name.Length > 0 && !name.Any(char.IsAsciiLetterUpper))
            ? names
            : throw malformed.With("SignedHeaders must be names in lower case, with ';' between.");
    }

    private static DateTimeOffset DateOf(S3Request request, out string text)
    {
        if (request.Header("x-amz-date") is { } stamp)
        {
            text = stamp;
            return TryReadTime(stamp, out var at)
                ? at
                : throw S3Error.AccessDenied.With("x-amz-date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\".");
        }

        if (request.HeaderTime("Date") is not { } date)
        {
            throw S3Error.AccessDenied.With("AWS authentication requires a valid Date or x-amz-date header");
        }

        text = date.UtcDateTime.ToString(SigningKey.TimeFormat, CultureInfo.InvariantCulture);
        return date;
    }

    private static bool TryReadTime(string text, out DateTimeOffset at) => DateTimeOffset.TryParseExact(
        text, SigningKey.TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
        out at);

    private static string Text(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static Dictionary<string, string> Fields(string text)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                fields[part[..equals]] = part[(equals + 1)..];
            }
        }

        return fields;
    }

    private static string Require(Dictionary<string, string> fields, string name) => fields.TryGetValue(name, out var value)
        ? value
        : throw S3Error.AuthorizationHeaderMalformed.With($"The authorization header is malformed; it has no {name}.");

    private static string Require(S3Query query, string name) => query[name]
        ?? throw S3Error.AuthorizationQueryParametersError.With(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
            + "X-Amz-SignedHeaders, and X-Amz-Expires parameters.");

    /// <summary>Whose key, for which day, region and service.</summary>
    private sealed record Credential(string AccessKeyId, string Date, string Region, string Service)
    {
        private const int PartsCount = 5;

        public string Scope => $"{Date}/{Region}/{Service}/{SigningKey.Terminator}";

        public static Credential Parse(string text, S3Error malformed)
        {
            var parts = text.Split('/');
            return parts.Length == PartsCount && parts[1].Length == 8 && parts[3] == SignatureVerifier.Service
                && parts[4] == SigningKey.Terminator
                ? new Credential(parts[0], parts[1], parts[2], parts[3])
                : throw malformed.With(
                    "The credential is malformed; expected \"<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request\".");
        }
    }
}
