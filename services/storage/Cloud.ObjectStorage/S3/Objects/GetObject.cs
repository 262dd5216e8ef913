using System.Globalization;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary><c>GetObject</c> and <c>HeadObject</c>: whole, a range, or a part.</summary>
internal static class GetObject
{
    private static readonly (string Parameter, string Header)[] Overrides =
    [
        ("response-content-type", "Content-Type"), ("response-content-language", "Content-Language"),
        ("response-expires", "Expires"), ("response-cache-control", "Cache-Control"),
        ("response-content-disposition", "Content-Disposition"), ("response-content-encoding", "Content-Encoding"),
    ];

    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync();
        var head = HttpMethods.IsHead(request.Method);
        var versionId = request.VersionId;
        using var found = await request.Services.Objects.OpenAsync(bucket, request.Key!, versionId, !head, request.Aborted);
        Authorize(request, bucket, found, versionId);
        if (found is null)
        {
            request.Http.Response.Headers["x-amz-delete-marker"] = "false";
            throw request.Missing(bucket, request.Key!, versionId);
        }

        var (version, attributes) = (found.Version, found.Attributes);
        ObjectHeaders.WriteVersion(request, bucket, version.VersionId);
        if (version.IsDeleteMarker)
        {
            var headers = request.Http.Response.Headers;
            headers["x-amz-delete-marker"] = "true";
            if (versionId is null)
            {
                throw request.Missing(bucket, request.Key!, null);
            }

            headers.LastModified = ObjectHeaders.HttpTime(version.ModifiedAt);
            throw S3Error.MethodNotAllowed.With();
        }

        if (request.Header("x-amz-server-side-encryption") is not null)
        {
            throw S3Error.InvalidArgument.With("x-amz-server-side-encryption header is not supported for this operation.");
        }

        if (request.Query.Has("partNumber"))
        {
            RequirePart(request, found);
        }

        if (request.IsWebsite && attributes.WebsiteRedirect is { } elsewhere)
        {
            request.Http.Response.Headers.Location = elsewhere;
            await request.AnswerAsync(StatusCodes.Status301MovedPermanently);
            return;
        }

        using var cipher = request.Services.Keys.Open(attributes.Encryption, CustomerKey.Read(request));
        ObjectHeaders.Write(request.Http.Response, version, attributes);
        ObjectHeaders.WriteExpiration(request, bucket, version, attributes);
        ReadConditions.Require(request, version);
        Override(request);
        var (offset, length, isPartial) = RangeOf(request, found);
        if (request.Header("x-amz-checksum-mode")?.Equals("ENABLED", StringComparison.OrdinalIgnoreCase) == true)
        {
            var part = found.Parts.FirstOrDefault(one => request.Query.Has("partNumber") && one.Offset == offset);
            var checksums = part is not null ? Multipart.PartChecksums.Of(part) : isPartial ? null : attributes.Checksums;
            ObjectHeaders.WriteChecksums(request.Http.Response.Headers, checksums, attributes.ChecksumType);
        }

        request.Http.Response.ContentLength = length;
        if (!head)
        {
            var to = request.Http.Response.BodyWriter;
            await found.SendAsync(request.Services.Reader, cipher, offset, length, to, request.Aborted);
        }
    }

    private static void Authorize(S3Request request, Bucket bucket, OpenObject? found, string? versionId)
    {
        var question = new AccessQuestion(
            versionId is null ? "s3:GetObject" : "s3:GetObjectVersion", request.Key, AclPermission.Read, found?.Attributes.Grants,
            found?.Attributes, Owner: found?.Version.Owner);
        if (found is { Version.IsDeleteMarker: false } || versionId is not null)
        {
            AccessRules.Require(request, bucket, question);
        }
        else if (!AccessRules.Allows(request, bucket, question))
        {
            throw request.Missing(bucket, request.Key!, versionId);
        }
    }

    private static void Override(S3Request request)
    {
        foreach (var (parameter, header) in Overrides)
        {
            if (request.Query.TryGet(parameter, out var value))
            {
                if (request.Caller.IsAnonymous)
                {
                    throw S3Error.InvalidRequest.With("Request specific response headers cannot be used for anonymous GET requests.");
                }

                if (value.Any(c => c is < ' ' or '\x7f' or > 'ÿ'))
                {
                    throw S3Error.InvalidArgument.With("A header's value holds no control characters.", ("ArgumentName", parameter));
                }

                request.Http.Response.Headers[header] = value;
            }
        }
    }

    private static (long Offset, long Length, bool IsPartial) RangeOf(S3Request request, OpenObject found)
    {
        var size = found.Version.SizeBytes;
        var response = request.Http.Response;
        if (request.Query.Has("partNumber"))
        {
            var number = request.Query.Number("partNumber", 1, Part.NumberMax, 1);
            if (request.Header("Range") is not null)
            {
                throw S3Error.InvalidRequest.With("Cannot specify both Range header and partNumber query parameter");
            }

            return PartOf(response, found, number);
        }

        if (request.Header("Range") is not { } range || !ByteRange.TryParse(range, out var asked))
        {
            return (0, size, false);
        }

        if (request.Header("If-Range") is { } only && !ReadConditions.IsSame(only, found.Version))
        {
            return (0, size, false);
        }

        if (asked.Resolve(size) is not { } resolved)
        {
            throw S3Error.InvalidRange.With(null, ("RangeRequested", range), ("ActualObjectSize",
                size.ToString(CultureInfo.InvariantCulture)));
        }

        Partial(response, resolved.Offset, resolved.Length, size);
        return (resolved.Offset, resolved.Length, true);
    }

    private static void RequirePart(S3Request request, OpenObject found)
    {
        var number = request.Query.Number("partNumber", 1, Part.NumberMax, 1);
        if (found.Parts.Count == 0 ? number != 1 : found.Parts.All(part => part.Number != number))
        {
            throw S3Error.InvalidPart.With(null, ("PartNumberRequested", $"{number}"));
        }
    }

    private static (long Offset, long Length, bool IsPartial) PartOf(HttpResponse response, OpenObject found, int number)
    {
        var size = found.Version.SizeBytes;
        if (found.Parts.Count == 0)
        {
            return (0, size, false);
        }

        var part = found.Parts.First(one => one.Number == number);
        response.Headers["x-amz-mp-parts-count"] = found.Parts.Count.ToString(CultureInfo.InvariantCulture);
        if (part.SizeBytes > 0)
        {
            Partial(response, part.Offset, part.SizeBytes, size);
        }

        return (part.Offset, part.SizeBytes, true);
    }

    private static void Partial(HttpResponse response, long offset, long length, long size)
    {
        response.StatusCode = StatusCodes.Status206PartialContent;
        response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {offset}-{offset + length - 1}/{size}");
    }
}

/// <summary>One range of bytes (RFC 9110 §14.1.2). Of several, and of other units, S3 takes no notice.</summary>
internal readonly record struct ByteRange(long? First, long? Last)
{
    private const string Unit = "bytes=";

    public static bool TryParse(string text, out ByteRange range)
    {
        range = default;
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        if (!text.StartsWith(Unit, StringComparison.OrdinalIgnoreCase) || dash < 0 || text.Contains(',', StringComparison.Ordinal))
        {
            return false;
        }

        var first = text[Unit.Length..dash].Trim();
        var last = text[(dash + 1)..].Trim();
        long? from = null;
        long? to = null;
        if (first.Length > 0)
        {
            if (!long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                return false;
            }

            from = number;
        }

        if (last.Length > 0)
        {
            if (!long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                return false;
            }

            to = number;
        }

        range = new ByteRange(from, to);
        return (from ?? to) is not null && !(from > to);
    }

    /// <returns>Null where nothing of it is there.</returns>
    public (long Offset, long Length)? Resolve(long size)
    {
        if (First is not { } first)
        {
            var suffix = Math.Min(Last!.Value, size);
            return suffix == 0 ? null : (size - suffix, suffix);
        }

        return first >= size ? null : (first, Math.Min(Last ?? long.MaxValue - 1, size - 1) - first + 1);
    }
}

/// <summary>The conditions of a read (RFC 9110 §13).</summary>
internal static class ReadConditions
{
    /// <exception cref="S3Exception">The client has it already, or wants another.</exception>
    public static void Require(S3Request request, ObjectVersion version, string prefix = "")
    {
        var modified = version.ModifiedAt / TimeSpan.TicksPerSecond;
        if (request.Header(prefix + "If-Match") is { } match)
        {
            if (!Names(match, version.ETag))
            {
                throw S3Error.PreconditionFailed.With(null, ("Condition", "If-Match"));
            }
        }
        else if (request.HeaderTime(prefix + "If-Unmodified-Since") is { } unmodified
            && modified > unmodified.UtcTicks / TimeSpan.TicksPerSecond)
        {
            throw S3Error.PreconditionFailed.With(null, ("Condition", "If-Unmodified-Since"));
        }

        var failed = prefix.Length == 0 ? S3Error.NotModified : S3Error.PreconditionFailed;
        if (request.Header(prefix + "If-None-Match") is { } noneMatch)
        {
            if (Names(noneMatch, version.ETag))
            {
                throw failed.With();
            }
        }
        else if (request.HeaderTime(prefix + "If-Modified-Since") is { } since && modified <= since.UtcTicks / TimeSpan.TicksPerSecond)
        {
            throw failed.With();
        }
    }

    /// <summary>For <c>If-Range</c>: an ETag or a time.</summary>
    public static bool IsSame(string text, ObjectVersion version) => S3Request.TryReadHttpTime(text, out var at)
        ? version.ModifiedAt / TimeSpan.TicksPerSecond <= at.UtcTicks / TimeSpan.TicksPerSecond
        : Names(text, version.ETag);

    private static bool Names(string tags, string etag) =>
        tags.Split(',', StringSplitOptions.TrimEntries).Any(tag => tag == "*" || tag.Trim('"') == etag);
}
