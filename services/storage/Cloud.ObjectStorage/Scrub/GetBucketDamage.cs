using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Persistence;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Scrub;

/// <summary>What the scrubber has found of a bucket.</summary>
/// <param name="ScrubbedAt">When it had last read everything that the cloud stores; null for never yet.</param>
/// <param name="Objects">Those that are damaged now; at most a thousand.</param>
public sealed record BucketDamageView(DateTimeOffset? ScrubbedAt, IReadOnlyList<DamagedObjectView> Objects);

/// <param name="Part">Of an object of parts, which one.</param>
public sealed record DamagedObjectView(string Key, string VersionId, int? Part, string Reason, DateTimeOffset FoundAt);

internal static class GetBucketDamage
{
    private const int ObjectsMax = 1000;

    public static async Task<IResult> HandleAsync(string id, Caller caller, ObjectStorageDbContext db, CancellationToken ct)
    {
        var bucket = await db.Buckets.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var position = await db.ScrubPositions.AsNoTracking().SingleOrDefaultAsync(ct);
        var damaged = await db.DamagedBlobs.AsNoTracking()
            .Where(row => row.Bucket == bucket.Id.Value
                && (db.Objects.Any(version => version.Blob == row.Blob) || db.Parts.Any(part => part.Blob == row.Blob)))
            .OrderBy(row => row.Key).Take(ObjectsMax).ToListAsync(ct);
        return TypedResults.Json(
            new BucketDamageView(
                position is { FinishedAt: > 0 } ? At(position.FinishedAt) : null,
                damaged.ConvertAll(row => new DamagedObjectView(row.Key, row.VersionId, row.Part, row.Reason, At(row.FoundAt)))),
            JsonDefaults.Options);
    }

    private static DateTimeOffset At(long ticks) => new(ticks, TimeSpan.Zero);
}
