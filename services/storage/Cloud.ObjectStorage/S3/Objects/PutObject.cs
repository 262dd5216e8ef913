using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Buckets;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary><c>PutObject</c>.</summary>
internal static class PutObject
{
    /// <summary>5 GiB: more goes in parts.</summary>
    public const long BytesMax = 5L << 30;

    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync();
        AccessRules.Require(
            request, bucket,
            new AccessQuestion(
                "s3:PutObject", request.Key, AclPermission.Write, bucket.Settings.Grants,
                NewTags: TagSet.FromHeader(request.Header("x-amz-tagging"))));
        var headers = NewObjectHeaders.Read(request, bucket);
        using var cipher = headers.Cipher;
        var conditions = NewObjectHeaders.ReadConditions(request);
        await using var body = request.OpenBody(md5: true);
        RequireLength(request, body.Length);
        if (conditions != WriteConditions.None)
        {
            // Now, before the body is taken, and once more in the transaction.
            conditions.Require(await request.Services.FindAsync(bucket, request.Key!, null, request.Aborted));
        }

        var version = await request.Services.Objects.PutAsync(
            new NewObject
            {
                Bucket = bucket.Id.Value,
                Key = request.Key!,
                SizeBytes = 0,
                ETag = "",
                Owner = headers.Owner,
                Attributes = "",
                Retention = headers.Retention,
                RetainUntil = headers.RetainUntil,
                LegalHold = headers.LegalHold,
                Conditions = conditions,
            },
            headers.Attributes, body, cipher, request.Aborted);
        var response = request.Http.Response.Headers;
        response.ETag = $"\"{version.ETag}\"";
        ObjectHeaders.WriteNewVersion(request, version);
        ObjectHeaders.WriteExpiration(request, bucket, version, headers.Attributes);
        ObjectHeaders.WriteChecksums(response, body.Checksums(), null);
        ObjectHeaders.WriteEncryption(response, headers.Attributes.Encryption);
        await request.AnswerAsync(StatusCodes.Status200OK);
    }

    /// <exception cref="S3Exception">It is not said how long the body is, or it is too long.</exception>
    public static void RequireLength(S3Request request, long? length)
    {
        if (length is null && request.Headers.TransferEncoding.Count == 0)
        {
            throw S3Error.MissingContentLength.With();
        }

        if (length > BytesMax)
        {
            throw S3Error.EntityTooLarge.With(null, ("ProposedSize", $"{length}"), ("MaxSizeAllowed", $"{BytesMax}"));
        }
    }
}
