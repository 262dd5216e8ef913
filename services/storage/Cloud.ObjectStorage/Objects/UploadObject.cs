using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.S3.Signing;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Objects;

/// <summary><c>PUT /v1/buckets/{id}/objects/{key}</c>: the body as it is. Answered when it is on the disk.</summary>
internal static class UploadObject
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, HttpContext context, ObjectStorageDbContext db, ObjectStore objects, ObjectKeys keys,
        CancellationToken ct)
    {
        var key = ObjectCall.KeyOf(context);
        var bucket = await db.Buckets.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var headers = context.Request.Headers;
        var encryption = bucket.Settings.Encrypt ? keys.New(null) : null;
        using var cipher = keys.Open(encryption, null);
        await using var body = PayloadStream.Of(context.Request.Body, context.Request.ContentLength);
        var asked = new NewObject
        {
            Bucket = bucket.Id.Value,
            Key = key,
            SizeBytes = 0,
            ETag = "",
            Owner = caller.Project,
            Attributes = "",
            Conditions = new WriteConditions(Tag(headers.IfMatch), Tag(headers.IfNoneMatch)),
        };
        try
        {
            var attributes = new ObjectAttributes { ContentType = context.Request.ContentType, Encryption = encryption };
            var version = await objects.PutAsync(asked, attributes, body, cipher, ct);
            context.Response.Headers.ETag = $"\"{version.ETag}\"";
            return TypedResults.Json(ObjectView.From(version), JsonDefaults.Options);
        }
        catch (S3Exception refusal)
        {
            throw refusal.ToCloud();
        }
    }

    private static string? Tag(Microsoft.Extensions.Primitives.StringValues value) =>
        value.Count == 0 ? null : value.ToString().Trim('"');
}
