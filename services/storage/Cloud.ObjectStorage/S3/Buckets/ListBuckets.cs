using Cloud.ObjectStorage.Index;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary><c>ListBuckets</c>: those of the key's project that the key opens.</summary>
internal static class ListBuckets
{
    private const int BucketsMax = 10_000;

    public static async Task HandleAsync(S3Request request)
    {
        request.RequireSigned();
        var max = request.Query.Number("max-buckets", 1, BucketsMax, BucketsMax);
        var prefix = request.Query["prefix"] ?? "";
        var after = Cursor.Read(request.Query["continuation-token"])?.Key ?? "";
        var caller = request.Caller;
        await using var db = await request.Services.Databases.CreateDbContextAsync(request.Aborted);
        var rows = db.Buckets.AsNoTracking().Where(bucket => bucket.Project == caller.Project && !bucket.Deleted);
        if (caller.Buckets.Count > 0)
        {
            rows = rows.Where(bucket => caller.Buckets.Contains(bucket.Name));
        }

        // A bucket's name is ASCII of a few kinds; all of a project's are few.
        var all = (await rows.Select(bucket => new { bucket.Name, bucket.CreatedAt }).ToListAsync(request.Aborted))
            .Where(bucket => bucket.Name.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(bucket.Name, after) > 0)
            .OrderBy(bucket => bucket.Name, StringComparer.Ordinal).ToList();
        var xml = new S3Xml().OpenRoot("ListAllMyBucketsResult").Open("Owner").Element("ID", caller.Project)
            .Element("DisplayName", caller.ProjectName).Close("Owner").Open("Buckets");
        foreach (var bucket in all.Take(max))
        {
            xml.Open("Bucket").Element("Name", bucket.Name).Time("CreationDate", bucket.CreatedAt)
                .Element("BucketRegion", "us-east-1").Close("Bucket");
        }

        xml.Close("Buckets");
        if (all.Count > max)
        {
            xml.Element("ContinuationToken", Cursor.Write(all[max - 1].Name, null));
        }

        await request.AnswerAsync(xml.Optional("Prefix", prefix.Length == 0 ? null : prefix).Close("ListAllMyBucketsResult"));
    }
}
