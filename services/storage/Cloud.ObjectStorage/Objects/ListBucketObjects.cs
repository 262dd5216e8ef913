using System.Globalization;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Objects;

internal static class ListBucketObjects
{
    public static async Task<ObjectPage> HandleAsync(
        string id, int? limit, string? cursor, string? prefix, string? delimiter, Caller caller, HttpContext context,
        ObjectStorageDbContext db,
        IndexReads reads, CancellationToken ct)
    {
        var bucket = await db.Buckets.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var max = limit ?? ListQuery.LimitDefault;
        if (max is < 1 or > ListQuery.LimitMax)
        {
            throw CloudException.Invalid("limit", $"Expected a number from 1 to {ListQuery.LimitMax}.");
        }

        string after;
        try
        {
            after = Cursor.Read(cursor)?.Key ?? "";
        }
        catch (S3Exception)
        {
            throw CloudException.Invalid("cursor", "This is not a cursor that a list gave out.");
        }

        var query = new ListingQuery(bucket.Id.Value, prefix ?? "", delimiter ?? "", after, null, max);
        var page = await reads.ReadAsync(session => Listing.CurrentAsync(session, query, ct), ct);
        var next = page.Next is null ? null : Cursor.Write(page.Next, null);
        if (next is not null)
        {
            var rest = QueryString.Create(new Dictionary<string, string?>
            {
                ["limit"] = max.ToString(CultureInfo.InvariantCulture),
                ["prefix"] = prefix,
                ["delimiter"] = delimiter,
                ["cursor"] = next,
            }.Where(pair => pair.Value is not null));
            context.Response.Headers.Link = $"<{context.Request.Path}{rest}>; rel=\"next\"";
        }

        return new ObjectPage(page.Versions.Select(ObjectView.From).ToList(), page.CommonPrefixes, next);
    }
}
