using System.Globalization;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Buckets;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary>What the operations on an object's properties have in common.</summary>
internal static class ObjectDocuments
{
    /// <summary>The version that the request names, with whether the caller may.</summary>
    public static async Task<(Bucket Bucket, ObjectVersion Version, ObjectAttributes Attributes)> RequireAsync(
        S3Request request, string action, AclPermission? permission)
    {
        var bucket = await request.RequireBucketAsync();
        var versionId = request.VersionId;
        var version = await request.Services.FindAsync(bucket, request.Key!, versionId, request.Aborted);
        var attributes = ObjectAttributes.FromJson(version?.Attributes ?? "");
        AccessRules.Require(
            request, bucket, new AccessQuestion(action, request.Key, permission, attributes.Grants, attributes, Owner: version?.Owner));
        if (version is null || (version.IsDeleteMarker && versionId is null))
        {
            throw request.Missing(bucket, request.Key!, versionId);
        }

        if (version.IsDeleteMarker)
        {
            throw S3Error.MethodNotAllowed.With();
        }

        ObjectHeaders.WriteVersion(request, bucket, version.VersionId);
        return (bucket, version, attributes);
    }

    public static Task SetAsync(S3Request request, Bucket bucket, ObjectVersion version, ObjectAttributes attributes) =>
        request.Services.Writer.WriteAsync(
            async index =>
            {
                await index.SetAttributesAsync(bucket.Id.Value, version, attributes.ToJson());
                return true;
            },
            request.Aborted);
}

/// <summary><c>GetObjectAcl</c>, <c>PutObjectAcl</c>.</summary>
internal static class ObjectAcl
{
    public static async Task GetAsync(S3Request request)
    {
        var (bucket, version, attributes) = await ObjectDocuments.RequireAsync(request, "s3:GetObjectAcl", AclPermission.ReadAcp);
        var owner = version.Owner.Length == 0 ? bucket.Project : version.Owner;
        await request.AnswerAsync(Acl.ToXml(owner, attributes.Grants ?? [], request.NameOf));
    }

    public static async Task PutAsync(S3Request request)
    {
        var (bucket, version, attributes) = await ObjectDocuments.RequireAsync(request, "s3:PutObjectAcl", AclPermission.WriteAcp);
        var grants = Acl.FromHeaders(request, bucket, version.Owner)
            ?? Acl.FromXml(await S3Body.ReadXmlAsync(request, "AccessControlPolicy"), bucket, version.Owner);
        await ObjectDocuments.SetAsync(request, bucket, version, attributes with { Grants = grants });
        await request.AnswerAsync(StatusCodes.Status200OK);
    }
}

/// <summary><c>GetObjectTagging</c>, <c>PutObjectTagging</c>, <c>DeleteObjectTagging</c>.</summary>
internal static class ObjectTagging
{
    public static async Task GetAsync(S3Request request)
    {
        var action = request.VersionId is null ? "s3:GetObjectTagging" : "s3:GetObjectVersionTagging";
        var (_, _, attributes) = await ObjectDocuments.RequireAsync(request, action, null);
        await request.AnswerAsync(TagSet.ToXml(attributes.Tags ?? []));
    }

    public static async Task PutAsync(S3Request request)
    {
        var tags = TagSet.FromXml(await S3Body.ReadXmlAsync(request, "Tagging"), TagSet.ObjectTagsMax);
        var action = request.VersionId is null ? "s3:PutObjectTagging" : "s3:PutObjectVersionTagging";
        var (bucket, version, attributes) = await ObjectDocuments.RequireAsync(request, action, null);
        AccessRules.Require(request, bucket, new AccessQuestion(action, request.Key, Attributes: attributes, NewTags: tags));
        await ObjectDocuments.SetAsync(request, bucket, version, attributes with { Tags = tags });
        await request.AnswerAsync(StatusCodes.Status200OK);
    }

    public static async Task DeleteAsync(S3Request request)
    {
        var action = request.VersionId is null ? "s3:DeleteObjectTagging" : "s3:DeleteObjectVersionTagging";
        var (bucket, version, attributes) = await ObjectDocuments.RequireAsync(request, action, null);
        await ObjectDocuments.SetAsync(request, bucket, version, attributes with { Tags = null });
        await request.AnswerAsync(StatusCodes.Status204NoContent);
    }
}

/// <summary><c>GetObjectRetention</c>, <c>PutObjectRetention</c>.</summary>
internal static class ObjectRetention
{
    private static readonly S3Error NoLock = S3Error.InvalidRequest with { Message = "Bucket is missing Object Lock Configuration" };

    public static async Task GetAsync(S3Request request)
    {
        var (bucket, version, _) = await ObjectDocuments.RequireAsync(request, "s3:GetObjectRetention", null);
        RequireLock(bucket);
        if (version.Retention == RetentionMode.None)
        {
            throw S3Error.NoSuchObjectLock.With();
        }

        await request.AnswerAsync(new S3Xml().OpenRoot("Retention").Element("Mode", version.Retention.ToString().ToUpperInvariant())
            .Time("RetainUntilDate", version.RetainUntil).Close("Retention"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var document = await S3Body.ReadXmlAsync(request, "Retention");
        var (bucket, version, attributes) = await ObjectDocuments.RequireAsync(request, "s3:PutObjectRetention", null);
        RequireLock(bucket);
        var mode = document.Text("Mode") is { } word ? BucketObjectLock.ParseMode(word) : RetentionMode.None;
        var until = 0L;
        if (document.Text("RetainUntilDate") is { } text)
        {
            until = DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
                ? at.UtcTicks
                : throw S3Error.MalformedXml.With();
        }

        if (mode == RetentionMode.None != (until == 0))
        {
            throw S3Error.MalformedXml.With();
        }

        if (until != 0 && until <= request.Services.Time.GetUtcNow().UtcTicks)
        {
            throw S3Error.InvalidArgument.With("The retain until date must be in the future!");
        }

        RequireMayChange(request, bucket, version, mode, until, attributes);
        await request.Services.Writer.WriteAsync(
            async index =>
            {
                await index.SetLockAsync(bucket.Id.Value, version, mode, until, version.LegalHold);
                return true;
            },
            request.Aborted);
        await request.AnswerAsync(StatusCodes.Status200OK);
    }

    public static void RequireLock(Bucket bucket)
    {
        if (bucket.Settings.ObjectLock is null)
        {
            throw NoLock.With();
        }
    }

    /// <summary>Longer may always be; shorter only in governance mode, by whoever may bypass it.</summary>
    private static void RequireMayChange(
        S3Request request, Bucket bucket, ObjectVersion version, RetentionMode mode, long until, ObjectAttributes attributes)
    {
        if (version.RetainUntil <= request.Services.Time.GetUtcNow().UtcTicks || version.Retention == RetentionMode.None)
        {
            return;
        }

        var weaker = until < version.RetainUntil || (version.Retention == RetentionMode.Compliance && mode != RetentionMode.Compliance)
            || (version.Retention == RetentionMode.Governance && mode == RetentionMode.None);
        var changesMode = mode != version.Retention;
        var bypass = request.Header("x-amz-bypass-governance-retention")?.Equals("true", StringComparison.OrdinalIgnoreCase) == true
            && AccessRules.Allows(request, bucket, new AccessQuestion("s3:BypassGovernanceRetention", request.Key, Attributes: attributes));
        if ((weaker || changesMode) && (version.Retention == RetentionMode.Compliance || !bypass))
        {
            throw S3Error.AccessDenied.With("The version is kept by object lock.");
        }
    }
}

/// <summary><c>GetObjectLegalHold</c>, <c>PutObjectLegalHold</c>.</summary>
internal static class ObjectLegalHold
{
    public static async Task GetAsync(S3Request request)
    {
        var (bucket, version, _) = await ObjectDocuments.RequireAsync(request, "s3:GetObjectLegalHold", null);
        ObjectRetention.RequireLock(bucket);
        await request.AnswerAsync(
            new S3Xml().OpenRoot("LegalHold").Element("Status", version.LegalHold ? "ON" : "OFF").Close("LegalHold"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var document = await S3Body.ReadXmlAsync(request, "LegalHold");
        var (bucket, version, _) = await ObjectDocuments.RequireAsync(request, "s3:PutObjectLegalHold", null);
        ObjectRetention.RequireLock(bucket);
        var hold = document.Text("Status") switch
        {
            "ON" => true,
            "OFF" => false,
            _ => throw S3Error.MalformedXml.With(),
        };
        await request.Services.Writer.WriteAsync(
            async index =>
            {
                await index.SetLockAsync(bucket.Id.Value, version, version.Retention, version.RetainUntil, hold);
                return true;
            },
            request.Aborted);
        await request.AnswerAsync(StatusCodes.Status200OK);
    }
}

/// <summary><c>GetObjectAttributes</c>.</summary>
internal static class GetObjectAttributes
{
    private const int PartsMax = 1000;

    private static readonly string[] Known = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

    public static async Task HandleAsync(S3Request request)
    {
        var asked = (request.Header("x-amz-object-attributes") ?? "")
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (asked.Length == 0 || asked.Except(Known).Any())
        {
            throw S3Error.InvalidArgument.With("Invalid attribute name specified.", ("ArgumentName", "x-amz-object-attributes"));
        }

        var (_, version, attributes) = await ObjectDocuments.RequireAsync(request, "s3:GetObjectAttributes", AclPermission.Read);
        request.Services.Keys.Open(attributes.Encryption, Blobs.CustomerKey.Read(request))?.Dispose();
        request.Http.Response.Headers.LastModified = ObjectHeaders.HttpTime(version.ModifiedAt);
        var xml = new S3Xml().OpenRoot("GetObjectAttributesResponse");
        if (asked.Contains("ETag"))
        {
            xml.Element("ETag", version.ETag);
        }

        if (asked.Contains("Checksum") && attributes.Checksums is { Count: > 0 } checksums)
        {
            xml.Open("Checksum");
            foreach (var (name, value) in checksums)
            {
                xml.Element("Checksum" + name, value);
            }

            xml.Element("ChecksumType", attributes.ChecksumType ?? ChecksumTypes.FullObject).Close("Checksum");
        }

        if (asked.Contains("ObjectParts") && version.Upload is { } upload)
        {
            await WritePartsAsync(request, xml, upload, attributes);
        }

        if (asked.Contains("StorageClass"))
        {
            xml.Element("StorageClass", attributes.StorageClass ?? "STANDARD");
        }

        if (asked.Contains("ObjectSize"))
        {
            xml.Element("ObjectSize", version.SizeBytes);
        }

        await request.AnswerAsync(xml.Close("GetObjectAttributesResponse"));
    }

    private static async Task WritePartsAsync(S3Request request, S3Xml xml, string upload, ObjectAttributes attributes)
    {
        var max = int.TryParse(request.Header("x-amz-max-parts"), CultureInfo.InvariantCulture, out var asked) && asked >= 0
            ? Math.Min(asked, PartsMax)
            : PartsMax;
        _ = int.TryParse(request.Header("x-amz-part-number-marker"), CultureInfo.InvariantCulture, out var marker);
        var parts = await request.Services.Reads.ReadAsync(
            session => Index.IndexQueries.PartsAsync(session, upload, marker, max + 1, request.Aborted), request.Aborted);
        xml.Open("ObjectParts").Element("PartsCount", attributes.PartsCount ?? parts.Count).Element("PartNumberMarker", marker)
            .Element("NextPartNumberMarker", parts.Count == 0 ? 0 : parts[Math.Min(max, parts.Count) - 1].Number)
            .Element("MaxParts", max).Element("IsTruncated", parts.Count > max);
        foreach (var part in parts.Take(max))
        {
            xml.Open("Part").Element("PartNumber", part.Number).Element("Size", part.SizeBytes);
            Multipart.PartChecksums.Write(xml, part);
            xml.Close("Part");
        }

        xml.Close("ObjectParts");
    }
}
