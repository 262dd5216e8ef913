using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Buckets;
using Cloud.ObjectStorage.S3.Checksums;
using Cloud.ObjectStorage.S3.Objects;
using Cloud.Primitives;

namespace Cloud.ObjectStorage.S3.Multipart;

/// <summary><c>CreateMultipartUpload</c>.</summary>
internal static class CreateMultipartUpload
{
    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync();
        AccessRules.Require(
            request, bucket,
            new AccessQuestion(
                "s3:PutObject", request.Key, AclPermission.Write, bucket.Settings.Grants,
                NewTags: TagSet.FromHeader(request.Header("x-amz-tagging"))));
        var headers = NewObjectHeaders.Read(request, bucket);
        headers.Cipher?.Dispose();
        var (algorithm, type) = ChecksumOf(request);
        var now = request.Services.Time.GetUtcNow();
        var upload = new MultipartUpload
        {
            Id = TypedId.NewValue("upload", now),
            Bucket = bucket.Id.Value,
            Key = request.Key!,
            Owner = headers.Owner,
            CreatedAt = now.UtcTicks,
            Attributes = (headers.Attributes with
            {
                Checksums = algorithm is null ? null : new Dictionary<string, string> { [algorithm.Name] = "" },
                ChecksumType = type,
            }).ToJson(),
            Retention = headers.Retention,
            RetainUntil = headers.RetainUntil,
            LegalHold = headers.LegalHold,
        };
        await request.Services.Writer.WriteAsync(index => index.BeginUploadAsync(upload), request.Aborted);
        var response = request.Http.Response.Headers;
        ObjectHeaders.WriteEncryption(response, headers.Attributes.Encryption);
        if (algorithm is not null)
        {
            response["x-amz-checksum-algorithm"] = algorithm.Name;
            response["x-amz-checksum-type"] = type;
        }

        await request.AnswerAsync(new S3Xml().OpenRoot("InitiateMultipartUploadResult").Element("Bucket", bucket.Name)
            .Element("Key", request.Key!).Element("UploadId", upload.Id).Close("InitiateMultipartUploadResult"));
    }

    private static (ChecksumAlgorithm? Algorithm, string? Type) ChecksumOf(S3Request request)
    {
        var type = request.Header("x-amz-checksum-type")?.ToUpperInvariant();
        if (request.Header("x-amz-checksum-algorithm") is not { } name)
        {
            return type is null
                ? (null, null)
                : throw S3Error.InvalidRequest.With(
                    "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
        }

        var algorithm = ChecksumAlgorithm.Parse(name);
        var standard = algorithm.Name == "CRC64NVME" ? ChecksumTypes.FullObject : ChecksumTypes.Composite;
        if (type is not (null or ChecksumTypes.FullObject or ChecksumTypes.Composite))
        {
            throw S3Error.InvalidRequest.With("Value for x-amz-checksum-type header is invalid.");
        }

        if ((type == ChecksumTypes.FullObject && algorithm.Crc is null) || (type == ChecksumTypes.Composite && standard != type))
        {
            throw S3Error.InvalidRequest.With(
                $"The {type} checksum type cannot be used with the {algorithm.Name.ToLowerInvariant()} checksum algorithm.");
        }

        return (algorithm, type ?? standard);
    }
}
