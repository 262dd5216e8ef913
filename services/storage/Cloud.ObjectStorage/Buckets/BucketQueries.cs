using Cloud.ObjectStorage.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Buckets;

internal static class BucketQueries
{
    public static IQueryable<Bucket> VisibleTo(this IQueryable<Bucket> buckets, Caller caller) =>
        buckets.Where(bucket => bucket.Project == caller.Project && !bucket.Deleted);

    /// <summary>By name or id.</summary>
    /// <exception cref="CloudException">The caller's project has none such.</exception>
    public static async Task<Bucket> FindVisibleAsync(this IQueryable<Bucket> buckets, Caller caller, string nameOrId, CancellationToken ct)
    {
        var visible = buckets.VisibleTo(caller);
        var found = BucketId.TryParse(nameOrId, out var id)
            ? await visible.SingleOrDefaultAsync(bucket => bucket.Id == id, ct)
            : await visible.SingleOrDefaultAsync(bucket => bucket.Name == nameOrId, ct);
        return found ?? throw CloudException.NotFound("bucket", nameOrId);
    }

    /// <summary>The bucket with what it holds.</summary>
    public static async Task<BucketView> ViewAsync(this ObjectStorageDbContext db, Bucket bucket, CancellationToken ct)
    {
        var usage = await db.Usage.AsNoTracking().SingleOrDefaultAsync(row => row.Bucket == bucket.Id.Value, ct);
        return BucketView.From(bucket, usage?.Objects ?? 0, usage?.SizeBytes ?? 0);
    }
}
