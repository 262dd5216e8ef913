using Cloud.ObjectStorage.S3.Buckets;
using Cloud.ObjectStorage.S3.Multipart;
using Cloud.ObjectStorage.S3.Objects;

namespace Cloud.ObjectStorage.S3;

/// <summary>Every operation of S3 and what a request of it looks like: the method, what it addresses, and the parameter that names
/// it.</summary>
internal static class S3Router
{
    private static readonly Dictionary<(string Method, string Parameter), Func<S3Request, Task>> OfBuckets = new()
    {
        [("GET", "accelerate")] = NotImplementedAsync,
        [("GET", "acl")] = BucketAcl.GetAsync,
        [("PUT", "acl")] = BucketAcl.PutAsync,
        [("GET", "analytics")] = NotImplementedAsync,
        [("GET", "cors")] = BucketCors.GetAsync,
        [("PUT", "cors")] = BucketCors.PutAsync,
        [("DELETE", "cors")] = BucketCors.DeleteAsync,
        [("POST", "delete")] = DeleteObjects.HandleAsync,
        [("GET", "encryption")] = BucketEncryption.GetAsync,
        [("PUT", "encryption")] = BucketEncryption.PutAsync,
        [("DELETE", "encryption")] = BucketEncryption.DeleteAsync,
        [("GET", "inventory")] = NotImplementedAsync,
        [("GET", "lifecycle")] = BucketLifecycle.GetAsync,
        [("PUT", "lifecycle")] = BucketLifecycle.PutAsync,
        [("DELETE", "lifecycle")] = BucketLifecycle.DeleteAsync,
        [("GET", "location")] = GetBucketLocation.HandleAsync,
        [("GET", "logging")] = BucketLogging.GetAsync,
        [("PUT", "logging")] = BucketLogging.PutAsync,
        [("GET", "metrics")] = NotImplementedAsync,
        [("GET", "notification")] = BucketNotification.GetAsync,
        [("PUT", "notification")] = BucketNotification.PutAsync,
        [("GET", "object-lock")] = BucketObjectLock.GetAsync,
        [("PUT", "object-lock")] = BucketObjectLock.PutAsync,
        [("GET", "ownershipControls")] = BucketOwnership.GetAsync,
        [("PUT", "ownershipControls")] = BucketOwnership.PutAsync,
        [("DELETE", "ownershipControls")] = BucketOwnership.DeleteAsync,
        [("GET", "policy")] = BucketPolicies.GetAsync,
        [("PUT", "policy")] = BucketPolicies.PutAsync,
        [("DELETE", "policy")] = BucketPolicies.DeleteAsync,
        [("GET", "policyStatus")] = BucketPolicies.GetStatusAsync,
        [("GET", "publicAccessBlock")] = BucketPublicAccess.GetAsync,
        [("PUT", "publicAccessBlock")] = BucketPublicAccess.PutAsync,
        [("DELETE", "publicAccessBlock")] = BucketPublicAccess.DeleteAsync,
        [("GET", "replication")] = NotImplementedAsync,
        [("GET", "requestPayment")] = NotImplementedAsync,
        [("GET", "tagging")] = BucketTagging.GetAsync,
        [("PUT", "tagging")] = BucketTagging.PutAsync,
        [("DELETE", "tagging")] = BucketTagging.DeleteAsync,
        [("GET", "uploads")] = ListMultipartUploads.HandleAsync,
        [("GET", "versioning")] = BucketVersioning.GetAsync,
        [("PUT", "versioning")] = BucketVersioning.PutAsync,
        [("GET", "versions")] = ListObjectVersions.HandleAsync,
        [("GET", "website")] = BucketWebsite.GetAsync,
        [("PUT", "website")] = BucketWebsite.PutAsync,
        [("DELETE", "website")] = BucketWebsite.DeleteAsync,
    };

    private static readonly Dictionary<(string Method, string Parameter), Func<S3Request, Task>> OfObjects = new()
    {
        [("GET", "acl")] = ObjectAcl.GetAsync,
        [("PUT", "acl")] = ObjectAcl.PutAsync,
        [("GET", "attributes")] = GetObjectAttributes.HandleAsync,
        [("GET", "legal-hold")] = ObjectLegalHold.GetAsync,
        [("PUT", "legal-hold")] = ObjectLegalHold.PutAsync,
        [("GET", "retention")] = ObjectRetention.GetAsync,
        [("PUT", "retention")] = ObjectRetention.PutAsync,
        [("POST", "restore")] = NotImplementedAsync,
        [("POST", "select")] = NotImplementedAsync,
        [("GET", "tagging")] = ObjectTagging.GetAsync,
        [("PUT", "tagging")] = ObjectTagging.PutAsync,
        [("DELETE", "tagging")] = ObjectTagging.DeleteAsync,
        [("GET", "torrent")] = NoTorrentAsync,
        [("POST", "uploads")] = CreateMultipartUpload.HandleAsync,
        [("GET", "uploadId")] = ListParts.HandleAsync,
        [("PUT", "uploadId")] = UploadPart.HandleAsync,
        [("POST", "uploadId")] = CompleteMultipartUpload.HandleAsync,
        [("DELETE", "uploadId")] = AbortMultipartUpload.HandleAsync,
    };

    private static readonly HashSet<string> Parameters =
        OfBuckets.Keys.Concat(OfObjects.Keys).Select(key => key.Parameter).ToHashSet(StringComparer.Ordinal);

    public static async Task DispatchAsync(S3Request request)
    {
        if (request.IsWebsite && !HttpMethods.IsOptions(request.Method))
        {
            await Website.ServeAsync(request);
            return;
        }

        if (HttpMethods.IsOptions(request.Method))
        {
            await Cors.PreflightAsync(request);
            return;
        }

        if (request.BucketName is not null && request.Key is null && HttpMethods.IsPost(request.Method)
            && request.Header("Content-Type")?.StartsWith("multipart/form-data", StringComparison.OrdinalIgnoreCase) == true)
        {
            await PostObject.HandleAsync(request);
            return;
        }

        request.Signature = await request.Services.Signatures.VerifyAsync(request);
        request.Services.Names.Learn(request.Caller.Project, request.Caller.ProjectName);
        await OperationOf(request)(request);
    }

    private static Func<S3Request, Task> OperationOf(S3Request request)
    {
        if (request.BucketName is null)
        {
            return request.Method == "GET" ? ListBuckets.HandleAsync : throw S3Error.MethodNotAllowed.With();
        }

        var named = request.Key is null ? OfBuckets : OfObjects;
        foreach (var (parameter, _) in request.Query.All)
        {
            if (Parameters.Contains(parameter))
            {
                if (named.TryGetValue((request.Method, parameter), out var operation))
                {
                    return operation;
                }

                if (named.Keys.Any(key => key.Parameter == parameter) && request.Method != "HEAD")
                {
                    throw S3Error.MethodNotAllowed.With();
                }
            }
        }

        return request.Key is null ? OfBucket(request) : OfObject(request);
    }

    private static Func<S3Request, Task> OfBucket(S3Request request) => request.Method switch
    {
        "GET" => request.Query["list-type"] == "2" ? ListObjectsV2.HandleAsync : ListObjects.HandleAsync,
        "HEAD" => HeadBucket.HandleAsync,
        "PUT" => CreateBucket.HandleAsync,
        "DELETE" => DeleteBucket.HandleAsync,
        _ => throw S3Error.MethodNotAllowed.With(),
    };

    private static Func<S3Request, Task> OfObject(S3Request request) => request.Method switch
    {
        "GET" or "HEAD" => GetObject.HandleAsync,
        "PUT" => request.Header("x-amz-copy-source") is null ? PutObject.HandleAsync : CopyObject.HandleAsync,
        "DELETE" => DeleteObject.HandleAsync,
        _ => throw S3Error.MethodNotAllowed.With(),
    };

    /// <summary>As S3 answers since it gave torrents up: there is none.</summary>
    private static async Task NoTorrentAsync(S3Request request)
    {
        request.RequireSigned();
        await request.RequireBucketAsync();
        throw S3Error.NoSuchKey.With("There is no torrent of the object.");
    }

    private static async Task NotImplementedAsync(S3Request request)
    {
        request.RequireSigned();
        await request.RequireBucketAsync();
        throw S3Error.NotImplemented.With();
    }
}
