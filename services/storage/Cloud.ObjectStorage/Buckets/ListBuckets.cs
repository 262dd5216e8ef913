using Cloud.ObjectStorage.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Buckets;

internal static class ListBuckets
{
    public static async Task<Page<BucketView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, ObjectStorageDbContext db, CancellationToken ct)
    {
        var rows = db.Buckets.AsNoTracking().VisibleTo(caller);
        if (list.Name is { } name)
        {
            rows = rows.Where(bucket => bucket.Name == name);
        }

        if (list.Status is { } status && status != EnumWords.Of(BucketStatus.Active))
        {
            rows = rows.Where(_ => false);
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(bucket => bucket.LabelText.Contains(line));
        }

        if (list.After is { } after)
        {
            rows = rows.Where(bucket => string.Compare((string)(object)bucket.Id, after) > 0);
        }

        var found = await rows.OrderBy(bucket => bucket.Id).Take(list.Limit + 1).ToListAsync(ct);
        var ids = found.ConvertAll(bucket => bucket.Id.Value);
        var usage = await db.Usage.AsNoTracking().Where(row => ids.Contains(row.Bucket)).ToDictionaryAsync(row => row.Bucket, ct);
        return list.ToPage(context, found, bucket => bucket.Id.Value, bucket =>
        {
            var held = usage.GetValueOrDefault(bucket.Id.Value);
            return BucketView.From(bucket, held?.Objects ?? 0, held?.SizeBytes ?? 0);
        });
    }
}
