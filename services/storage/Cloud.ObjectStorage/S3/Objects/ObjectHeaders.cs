using System.Globalization;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Buckets;
using Cloud.ObjectStorage.S3.Checksums;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary>An object as the headers of an answer show it.</summary>
internal static class ObjectHeaders
{
    private const string DefaultType = "binary/octet-stream";

    /// <summary>Of <c>GetObject</c> and <c>HeadObject</c>.</summary>
    public static void Write(HttpResponse response, ObjectVersion version, ObjectAttributes attributes)
    {
        var headers = response.Headers;
        headers.ETag = $"\"{version.ETag}\"";
        headers.LastModified = HttpTime(version.ModifiedAt);
        headers.AcceptRanges = "bytes";
        headers.ContentType = attributes.ContentType ?? DefaultType;
        Set(headers, "Cache-Control", attributes.CacheControl);
        Set(headers, "Content-Disposition", attributes.ContentDisposition);
        Set(headers, "Content-Encoding", attributes.ContentEncoding);
        Set(headers, "Content-Language", attributes.ContentLanguage);
        Set(headers, "Expires", attributes.Expires);
        Set(headers, "x-amz-website-redirect-location", attributes.WebsiteRedirect);
        Set(headers, "x-amz-storage-class", attributes.StorageClass);
        if (attributes.Tags is { Count: > 0 } tags)
        {
            headers["x-amz-tagging-count"] = tags.Count.ToString(CultureInfo.InvariantCulture);
        }

        foreach (var (name, value) in attributes.Metadata ?? [])
        {
            headers["x-amz-meta-" + name] = value;
        }

        if (version.Retention != RetentionMode.None)
        {
            headers["x-amz-object-lock-mode"] = version.Retention.ToString().ToUpperInvariant();
            headers["x-amz-object-lock-retain-until-date"] =
                new DateTime(version.RetainUntil, DateTimeKind.Utc).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        }

        if (version.LegalHold)
        {
            headers["x-amz-object-lock-legal-hold"] = "ON";
        }

        WriteEncryption(headers, attributes.Encryption);
    }

    /// <summary>When a lifecycle rule will end the object, and which: the earliest.</summary>
    public static void WriteExpiration(S3Request request, Bucket bucket, ObjectVersion version, ObjectAttributes attributes)
    {
        var rule = bucket.Settings.Lifecycle?.Where(
                one => one is { Enabled: true, ExpirationDays: not null } && one.Covers(version.Key, version.SizeBytes, () =>
                    attributes.Tags))
            .MinBy(one => one.ExpirationDays);
        if (rule is not null && version.IsLatest)
        {
            // At the midnight after.
            var at = new DateTime(version.ModifiedAt, DateTimeKind.Utc).Date.AddDays(rule.ExpirationDays!.Value + 1);
            request.Http.Response.Headers["x-amz-expiration"] =
                $"expiry-date=\"{at.ToString("r", CultureInfo.InvariantCulture)}\", rule-id=\"{S3Uri.Encode(rule.Id, keepSlash: true)}\"";
        }
    }

    public static void WriteEncryption(IHeaderDictionary headers, Encryption? encryption)
    {
        if (encryption?.CustomerKeyMd5 is { } md5)
        {
            headers["x-amz-server-side-encryption-customer-algorithm"] = BucketEncryption.Algorithm;
            headers["x-amz-server-side-encryption-customer-key-MD5"] = md5;
        }
        else if (encryption is not null)
        {
            headers["x-amz-server-side-encryption"] = BucketEncryption.Algorithm;
        }
    }

    /// <summary>Of what was just written: the version <c>null</c> is none to speak of.</summary>
    public static void WriteNewVersion(S3Request request, ObjectVersion version)
    {
        if (version.VersionId != ObjectVersion.NullVersion)
        {
            request.Http.Response.Headers["x-amz-version-id"] = version.VersionId;
        }
    }

    public static void WriteVersion(S3Request request, Bucket bucket, string versionId)
    {
        if (bucket.Versioning != Versioning.Off)
        {
            request.Http.Response.Headers["x-amz-version-id"] = versionId;
        }
    }

    public static void WriteChecksums(IHeaderDictionary headers, IReadOnlyDictionary<string, string>? checksums, string? type)
    {
        foreach (var (name, value) in checksums ?? new Dictionary<string, string>())
        {
            headers[ChecksumAlgorithm.HeaderPrefix + name.ToLowerInvariant()] = value;
            headers["x-amz-checksum-type"] = type ?? ChecksumTypes.FullObject;
        }
    }

    public static string HttpTime(long utcTicks) => new DateTime(utcTicks, DateTimeKind.Utc).ToString("r", CultureInfo.InvariantCulture);

    private static void Set(IHeaderDictionary headers, string name, string? value)
    {
        if (value is not null)
        {
            headers[name] = value;
        }
    }
}

/// <summary>What the checksum of an object of parts is of.</summary>
internal static class ChecksumTypes
{
    public const string FullObject = "FULL_OBJECT";
    public const string Composite = "COMPOSITE";
}
