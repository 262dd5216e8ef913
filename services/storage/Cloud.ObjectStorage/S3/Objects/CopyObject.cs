using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Notifications;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Checksums;
using Cloud.ObjectStorage.S3.Signing;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary><c>CopyObject</c>. Plain bytes are shared with the source, whatever their size; others are read and written anew.</summary>
internal static class CopyObject
{
    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync();
        using var source = await CopySource.OpenAsync(request);
        var headers = NewObjectHeaders.Read(request, bucket);
        using var cipher = headers.Cipher;
        var attributes = AttributesOf(request, headers, source, bucket);
        AccessRules.Require(
            request, bucket,
            new AccessQuestion("s3:PutObject", request.Key, AclPermission.Write, bucket.Settings.Grants, NewTags: attributes.Tags));
        if (source.Object.Version.SizeBytes > PutObject.BytesMax)
        {
            throw S3Error.InvalidRequest.With(
                "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120");
        }

        var asked = new NewObject
        {
            Bucket = bucket.Id.Value,
            Key = request.Key!,
            SizeBytes = source.Object.Version.SizeBytes,
            ETag = source.Object.Version.ETag,
            Owner = headers.Owner,
            Attributes = "",
            Retention = headers.Retention,
            RetainUntil = headers.RetainUntil,
            LegalHold = headers.LegalHold,
            Conditions = NewObjectHeaders.ReadConditions(request),
            Event = ObjectEvents.Created + "Copy",
        };
        var algorithm = request.Header("x-amz-checksum-algorithm") is { } name ? ChecksumAlgorithm.Parse(name) : null;
        var version = CanShare(source, cipher, algorithm)
            ? await ShareAsync(request, asked, attributes with { Checksums = source.Object.Attributes.Checksums }, source)
            : await RewriteAsync(request, asked, attributes, source, cipher, algorithm);
        await AnswerAsync(request, bucket, source, version, attributes);
    }

    private static async Task AnswerAsync(
        S3Request request, Bucket bucket, CopySource source, ObjectVersion version, ObjectAttributes attributes)
    {
        if (source.Bucket.Versioning != Versioning.Off)
        {
            request.Http.Response.Headers["x-amz-copy-source-version-id"] = source.Object.Version.VersionId;
        }

        ObjectHeaders.WriteNewVersion(request, version);
        ObjectHeaders.WriteEncryption(request.Http.Response.Headers, attributes.Encryption);
        var xml = new S3Xml().OpenRoot("CopyObjectResult").Element("ETag", $"\"{version.ETag}\"").Time("LastModified", version.ModifiedAt);
        foreach (var (checksum, value) in ObjectAttributes.FromJson(version.Attributes).Checksums ?? [])
        {
            xml.Element("Checksum" + checksum, value).Element("ChecksumType", ChecksumTypes.FullObject);
        }

        await request.AnswerAsync(xml.Close("CopyObjectResult"));
    }

    private static bool CanShare(CopySource source, BlobCipher? cipher, ChecksumAlgorithm? algorithm) =>
        cipher is null && source.Cipher is null && source.Object.Version.Upload is null
        && (algorithm is null || source.Object.Attributes.Checksums?.ContainsKey(algorithm.Name) == true);

    private static async Task<ObjectVersion> ShareAsync(S3Request request, NewObject asked, ObjectAttributes attributes, CopySource source)
    {
        var made = asked with { Attributes = attributes.ToJson() };
        if (source.Object.Version.Blob is not { } blob)
        {
            return await request.Services.Writer.WriteAsync(index => index.PutAsync(made), request.Aborted);
        }

        if (source.Object.Version.Bytes is { } bytes)
        {
            return await request.Services.Objects.PutSmallAsync(made, bytes, request.Aborted);
        }

        using var link = await request.Services.Blobs.LinkAsync(blob);
        made = made with { Blob = link.Name };
        return await ObjectStore.KeepingAsync(
            () => request.Services.Writer.WriteAsync(index => index.PutAsync(made), request.Aborted), link.Keep);
    }

    private static async Task<ObjectVersion> RewriteAsync(
        S3Request request, NewObject asked, ObjectAttributes attributes, CopySource source, BlobCipher? cipher,
        ChecksumAlgorithm? algorithm)
    {
        var size = source.Object.Version.SizeBytes;
        await using var bytes = source.Open(request, 0, size);
        await using var body = PayloadStream.Of(bytes, size);
        if (algorithm is not null)
        {
            body.Take(algorithm);
        }

        foreach (var name in source.Object.Attributes.Checksums?.Keys ?? Enumerable.Empty<string>())
        {
            body.Take(ChecksumAlgorithm.Parse(name));
        }

        return await request.Services.Objects.PutAsync(asked, attributes, body, cipher, request.Aborted);
    }

    private static ObjectAttributes AttributesOf(S3Request request, NewObjectHeaders headers, CopySource source, Bucket bucket)
    {
        var replace = Directive(request, "x-amz-metadata-directive");
        var replaceTags = Directive(request, "x-amz-tagging-directive");
        var original = source.Object.Attributes;
        var isSame = source.Bucket.Id == bucket.Id && source.Object.Version.Key == request.Key && source.Object.Version.IsLatest;
        if (isSame && !replace && headers.Attributes.StorageClass == original.StorageClass && headers.Attributes.WebsiteRedirect is null
            && headers.Attributes.Encryption is null && !(replaceTags && headers.Attributes.Tags is not null)
            && request.Header("x-amz-copy-source")?.Contains("versionId", StringComparison.Ordinal) != true
            && bucket.Versioning == Versioning.Off)
        {
            throw S3Error.InvalidRequest.With(
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, "
                + "storage class, website redirect location or encryption attributes.");
        }

        var content = replace
            ? headers.Attributes
            : original with
            {
                StorageClass = headers.Attributes.StorageClass,
                WebsiteRedirect = headers.Attributes.WebsiteRedirect,
                Grants = headers.Attributes.Grants,
                Encryption = headers.Attributes.Encryption,
            };
        return content with
        {
            Tags = replaceTags ? headers.Attributes.Tags : original.Tags,
            Checksums = null,
            ChecksumType = null,
            PartsCount = null,
        };
    }

    private static bool Directive(S3Request request, string header) => request.Header(header) switch
    {
        null or "COPY" => false,
        "REPLACE" => true,
        var word => throw S3Error.InvalidArgument.With($"Unknown directive in {header}.", ("ArgumentName", header), ("ArgumentValue",
            word)),
    };
}
