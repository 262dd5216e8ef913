using Cloud.ObjectStorage.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>Only an empty one: what is in it, its owner deletes.</summary>
internal static class DeleteBucket
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, ObjectStorageDbContext db, BucketLife life, CancellationToken ct)
    {
        var visible = db.Buckets.AsNoTracking().VisibleTo(caller);
        var isId = BucketId.TryParse(id, out var bucketId);
        var bucket = isId
            ? await visible.SingleOrDefaultAsync(row => row.Id == bucketId, ct)
            : await visible.SingleOrDefaultAsync(row => row.Name == id, ct);
        if (bucket is null)
        {
            var had = isId
                ? await db.Buckets.AnyAsync(row => row.Project == caller.Project && row.Id == bucketId, ct)
                : await db.Buckets.AnyAsync(row => row.Project == caller.Project && row.Name == id, ct);
            return had ? TypedResults.NoContent() : throw CloudException.NotFound("bucket", id);
        }

        await life.DeleteAsync(db, bucket.Id, row => ifMatch.Require(row.Version), ct);
        return TypedResults.NoContent();
    }
}
