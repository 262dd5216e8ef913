using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary>The object that a copy is made of, by the header <c>x-amz-copy-source</c>.</summary>
internal sealed class CopySource : IDisposable
{
    private CopySource(Bucket bucket, OpenObject found, BlobCipher? cipher)
    {
        Bucket = bucket;
        Object = found;
        Cipher = cipher;
    }

    public Bucket Bucket { get; }

    public OpenObject Object { get; }

    public BlobCipher? Cipher { get; }

    /// <exception cref="S3Exception">It names nothing that the caller may read, or the copy's conditions do not hold.</exception>
    public static async Task<CopySource> OpenAsync(S3Request request)
    {
        var (bucketName, key, versionId) = Parse(request.Header("x-amz-copy-source")!);
        var bucket = await request.Services.Buckets.FindAsync(bucketName, request.Aborted)
            ?? throw S3Error.NoSuchBucket.With(null, ("BucketName", bucketName));
        if (request.Header("x-amz-source-expected-bucket-owner") is { } expected && expected != bucket.Project)
        {
            throw S3Error.AccessDenied.With();
        }

        var found = await request.Services.Objects.OpenAsync(bucket, key, versionId, withBytes: true, request.Aborted);
        try
        {
            AccessRules.Require(
                request, bucket,
                new AccessQuestion(
                    versionId is null ? "s3:GetObject" : "s3:GetObjectVersion", key, AclPermission.Read, found?.Attributes.Grants,
                    found?.Attributes, Owner: found?.Version.Owner));
            if (found is null || (found.Version.IsDeleteMarker && versionId is null))
            {
                throw request.Missing(bucket, key, versionId);
            }

            if (found.Version.IsDeleteMarker)
            {
                throw S3Error.InvalidRequest.With(
                    "The source of a copy request may not specifically refer to a delete marker by version id.");
            }

            ReadConditions.Require(request, found.Version, "x-amz-copy-source-");
            var cipher = request.Services.Keys.Open(found.Attributes.Encryption, CustomerKey.Read(request, copySource: true));
            return new CopySource(bucket, found, cipher);
        }
        catch
        {
            found?.Dispose();
            throw;
        }
    }

    /// <summary>A stream of the bytes of a range, to be taken like a body.</summary>
    public Stream Open(S3Request request, long offset, long length)
    {
        var pipe = new System.IO.Pipelines.Pipe();
        _ = SendAsync(request, offset, length, pipe.Writer);
        return pipe.Reader.AsStream();
    }

    public void Dispose()
    {
        Cipher?.Dispose();
        Object.Dispose();
    }

    private static (string Bucket, string Key, string? VersionId) Parse(string header)
    {
        var question = header.LastIndexOf("?versionId=", StringComparison.Ordinal);
        var versionId = question < 0 ? null : header[(question + "?versionId=".Length)..];
        var path = S3Uri.Decode(question < 0 ? header : header[..question], plusIsSpace: false).TrimStart('/');
        var slash = path.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0 || slash == path.Length - 1)
        {
            throw S3Error.InvalidArgument.With(
                "Invalid copy source object key", ("ArgumentName", "x-amz-copy-source"), ("ArgumentValue", header));
        }

        return (path[..slash], path[(slash + 1)..], versionId);
    }

    private async Task SendAsync(S3Request request, long offset, long length, System.IO.Pipelines.PipeWriter to)
    {
        try
        {
            await Object.SendAsync(request.Services.Reader, Cipher, offset, length, to, request.Aborted);
            await to.CompleteAsync();
        }
        catch (Exception failed)
        {
            // The reader throws it.
            await to.CompleteAsync(failed);
        }
    }
}
