using Cloud.ObjectStorage.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Buckets;

internal static class GetBucket
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, HttpContext context, ObjectStorageDbContext db, CancellationToken ct)
    {
        var bucket = await db.Buckets.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return ResourceResults.Ok(context, await db.ViewAsync(bucket, ct), bucket.Version);
    }
}
