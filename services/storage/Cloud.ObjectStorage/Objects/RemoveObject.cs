using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Objects;

/// <summary><c>DELETE /v1/buckets/{id}/objects/{key}</c>: for good, or by a delete marker where the bucket keeps versions.</summary>
internal static class RemoveObject
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, HttpContext context, ObjectStorageDbContext db, IndexWriter writer, CancellationToken ct)
    {
        var key = ObjectCall.KeyOf(context);
        var bucket = await db.Buckets.AsNoTracking().FindVisibleAsync(caller, id, ct);
        try
        {
            await writer.WriteAsync(index => index.DeleteAsync(bucket.Id.Value, key, caller.Project, DeleteConditions.None), ct);
            return TypedResults.NoContent();
        }
        catch (S3Exception refusal)
        {
            throw refusal.ToCloud();
        }
    }
}
