using System.Text.Json;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Checksums;
using Cloud.ObjectStorage.S3.Objects;
using Cloud.ObjectStorage.S3.Signing;

namespace Cloud.ObjectStorage.S3.Multipart;

/// <summary><c>UploadPart</c> and <c>UploadPartCopy</c>.</summary>
internal static class UploadPart
{
    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync();
        AccessRules.Require(request, bucket, new AccessQuestion("s3:PutObject", request.Key, AclPermission.Write, bucket.Settings.Grants));
        var number = PartNumber(request);
        var upload = await RequireUploadAsync(request, bucket);
        var attributes = ObjectAttributes.FromJson(upload.Attributes);
        using var cipher = request.Services.Keys.Open(attributes.Encryption, CustomerKey.Read(request));
        var algorithm = attributes.Checksums?.Keys.Select(ChecksumAlgorithm.Parse).FirstOrDefault();
        if (request.Header("x-amz-copy-source") is not null)
        {
            await CopyAsync(request, bucket, upload, number, cipher, algorithm, attributes);
            return;
        }

        await using var body = request.OpenBody(md5: true);
        PutObject.RequireLength(request, body.Length);
        RequireSameChecksum(body, algorithm);
        var part = await TakeAsync(request, bucket, upload, number, body, cipher, algorithm);
        var headers = request.Http.Response.Headers;
        headers.ETag = $"\"{part.ETag}\"";
        foreach (var (name, value) in body.Checksums() ?? [])
        {
            headers[ChecksumAlgorithm.HeaderPrefix + name.ToLowerInvariant()] = value;
        }

        ObjectHeaders.WriteEncryption(headers, attributes.Encryption);
        await request.AnswerAsync(StatusCodes.Status200OK);
    }

    public static Task<MultipartUpload> RequireUploadAsync(S3Request request, Bucket bucket) => request.Services.Reads.ReadAsync(
        session => session.RequireUploadAsync(bucket.Id.Value, request.Key!, request.Query["uploadId"] ?? "", request.Aborted),
        request.Aborted);

    private static int PartNumber(S3Request request) =>
        int.TryParse(request.Query["partNumber"], System.Globalization.CultureInfo.InvariantCulture, out var number)
            && number is > 0 and <= Part.NumberMax
            ? number
            : throw S3Error.InvalidArgument.With(
                $"Part number must be an integer between 1 and {Part.NumberMax}, inclusive",
                ("ArgumentName", "partNumber"), ("ArgumentValue", request.Query["partNumber"] ?? ""));

    private static void RequireSameChecksum(PayloadStream body, ChecksumAlgorithm? algorithm)
    {
        if (algorithm is not null && body.Algorithms.FirstOrDefault() is { } other && other != algorithm)
        {
            throw S3Error.InvalidRequest.With(
                $"Checksum Type mismatch occurred, expected checksum Type: {algorithm.Name.ToLowerInvariant()}, "
                + $"actual checksum Type: {other.Name.ToLowerInvariant()}");
        }
    }

    private static async Task<Part> TakeAsync(
        S3Request request, Bucket bucket, MultipartUpload upload, int number, PayloadStream body, BlobCipher? cipher,
        ChecksumAlgorithm? algorithm)
    {
        if (algorithm is not null)
        {
            body.Take(algorithm);
        }

        using var received = await request.Services.Receiver.ReceiveAsync(body, cipher, request.Aborted);
        var part = new Part
        {
            Upload = upload.Id,
            Number = number,
            Blob = received.Blob?.Name,
            SizeBytes = received.SizeBytes,
            ETag = body.Md5Text(),
            Checksums = PartChecksums.ToJson(body.Checksums()),
            ModifiedAt = request.Services.Time.GetUtcNow().UtcTicks,
        };
        await ObjectStore.KeepingAsync(
            () => request.Services.Writer.WriteAsync(index => index.PutPartAsync(bucket.Id.Value, request.Key!, part), request.Aborted),
            () => received.Blob?.Keep());
        return part;
    }

    private static async Task CopyAsync(
        S3Request request, Bucket bucket, MultipartUpload upload, int number, BlobCipher? cipher, ChecksumAlgorithm? algorithm,
        ObjectAttributes attributes)
    {
        using var source = await CopySource.OpenAsync(request);
        var size = source.Object.Version.SizeBytes;
        var (offset, length) = (0L, size);
        if (request.Header("x-amz-copy-source-range") is { } text)
        {
            if (!ByteRange.TryParse(text, out var range) || range is { First: null } or { Last: null })
            {
                throw S3Error.InvalidArgument.With(
                    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based "
                    + "offsets of the first and last bytes to copy",
                    ("ArgumentName", "x-amz-copy-source-range"), ("ArgumentValue", text));
            }

            if (range.Last >= size)
            {
                throw S3Error.InvalidRange.With($"Range specified is not valid for source object of size: {size}");
            }

            (offset, length) = range.Resolve(size)!.Value;
        }

        if (length > PutObject.BytesMax)
        {
            throw S3Error.EntityTooLarge.With();
        }

        await using var bytes = source.Open(request, offset, length);
        await using var body = PayloadStream.Of(bytes, length);
        var part = await TakeAsync(request, bucket, upload, number, body, cipher, algorithm);
        if (source.Bucket.Versioning != Versioning.Off)
        {
            request.Http.Response.Headers["x-amz-copy-source-version-id"] = source.Object.Version.VersionId;
        }

        ObjectHeaders.WriteEncryption(request.Http.Response.Headers, attributes.Encryption);
        var xml = new S3Xml().OpenRoot("CopyPartResult").Element("ETag", $"\"{part.ETag}\"").Time("LastModified", part.ModifiedAt);
        PartChecksums.Write(xml, part);
        await request.AnswerAsync(xml.Close("CopyPartResult"));
    }
}

/// <summary>The checksums of a part, as its row keeps them.</summary>
internal static class PartChecksums
{
    public static string ToJson(Dictionary<string, string>? checksums) =>
        checksums is null ? "" : JsonSerializer.Serialize(checksums, AttributesJson.Default.DictionaryStringString);

    public static Dictionary<string, string> Of(Part part) =>
        part.Checksums.Length == 0 ? [] : JsonSerializer.Deserialize(part.Checksums, AttributesJson.Default.DictionaryStringString)!;

    public static void Write(S3Xml xml, Part part)
    {
        foreach (var (name, value) in Of(part))
        {
            xml.Element("Checksum" + name, value);
        }
    }
}
