using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.S3.Access;

namespace Cloud.ObjectStorage.S3;

/// <summary>What most operations begin with: the bucket, and whether the caller may.</summary>
internal static class RequestAccess
{
    /// <exception cref="S3Exception">There is none of that name, or it is another owner's than the caller expects.</exception>
    public static async ValueTask<Bucket> RequireBucketAsync(this S3Request request)
    {
        var bucket = await request.Services.Buckets.FindAsync(request.BucketName!, request.Aborted)
            ?? throw S3Error.NoSuchBucket.With(null, ("BucketName", request.BucketName!));
        request.Bucket = bucket;
        Cors.Apply(request, bucket);
        if (request.Header("x-amz-expected-bucket-owner") is { } expected && expected != bucket.Project)
        {
            throw S3Error.AccessDenied.With();
        }

        return bucket;
    }

    /// <summary>The bucket, for something that is its owner's affair or a policy's leave.</summary>
    public static async ValueTask<Bucket> RequireBucketAsync(this S3Request request, string action, AclPermission? permission = null)
    {
        var bucket = await request.RequireBucketAsync();
        AccessRules.Require(request, bucket, new AccessQuestion(action, null, permission, bucket.Settings.Grants));
        return bucket;
    }

    /// <exception cref="S3Exception">Nobody signed the request.</exception>
    public static void RequireSigned(this S3Request request)
    {
        if (request.Caller.IsAnonymous)
        {
            throw S3Error.AccessDenied.With();
        }
    }

    /// <summary>What a caller is told of a key that is not there: only who may list the bucket learns that.</summary>
    public static S3Exception Missing(this S3Request request, Bucket bucket, string key, string? versionId)
    {
        var mayList = bucket.IsPublic || AccessRules.Allows(
            request, bucket, new AccessQuestion("s3:ListBucket", null, AclPermission.Read, bucket.Settings.Grants, ListedPrefix: key));
        return !mayList
            ? S3Error.AccessDenied.With()
            : versionId is null
                ? S3Error.NoSuchKey.With(null, ("Key", key))
                : S3Error.NoSuchVersion.With(null, ("Key", key), ("VersionId", versionId));
    }
}
