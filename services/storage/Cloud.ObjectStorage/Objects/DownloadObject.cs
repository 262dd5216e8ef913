using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Objects;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Objects;

/// <summary><c>GET /v1/buckets/{id}/objects/{key}</c>: the bytes, or one range of them.</summary>
internal static class DownloadObject
{
    public static async Task HandleAsync(
        string id, Caller caller, HttpContext context, ObjectStorageDbContext db, ObjectStore objects, ObjectKeys keys, BlobReader reader,
        CancellationToken ct)
    {
        var key = ObjectCall.KeyOf(context);
        var bucket = await db.Buckets.AsNoTracking().FindVisibleAsync(caller, id, ct);
        try
        {
            using var found = await objects.OpenAsync(bucket, key, null, withBytes: true, ct);
            if (found is null or { Version.IsDeleteMarker: true })
            {
                throw CloudException.NotFound("object", key);
            }

            if (!AccessRules.OwnerReads(bucket, found.Version, found.Attributes.Grants))
            {
                throw S3Error.AccessDenied.With("Another project owns the object, and its list does not let this one read it.");
            }

            using var cipher = keys.Open(found.Attributes.Encryption, null);
            var response = context.Response;
            var (version, size) = (found.Version, found.Version.SizeBytes);
            response.ContentType = found.Attributes.ContentType ?? "application/octet-stream";
            response.Headers.ETag = $"\"{version.ETag}\"";
            response.Headers.LastModified = ObjectHeaders.HttpTime(version.ModifiedAt);
            response.Headers.AcceptRanges = "bytes";

            // Somebody's object must not be a page of this origin.
            response.Headers.XContentTypeOptions = "nosniff";
            response.Headers.ContentSecurityPolicy = "sandbox";
            if (context.Request.Headers.IfNoneMatch.ToString() == $"\"{version.ETag}\"")
            {
                response.StatusCode = StatusCodes.Status304NotModified;
                return;
            }

            var (offset, length) = (0L, size);
            if (ByteRange.TryParse(context.Request.Headers.Range.ToString(), out var range))
            {
                (offset, length) = range.Resolve(size) ?? throw CloudException.Invalid("Range", $"The object has {size} bytes.");
                response.StatusCode = StatusCodes.Status206PartialContent;
                response.Headers.ContentRange = $"bytes {offset}-{offset + length - 1}/{size}";
            }

            response.ContentLength = length;
            await found.SendAsync(reader, cipher, offset, length, response.BodyWriter, ct);
        }
        catch (S3Exception refusal) when (!context.Response.HasStarted)
        {
            throw refusal.ToCloud();
        }
    }
}
