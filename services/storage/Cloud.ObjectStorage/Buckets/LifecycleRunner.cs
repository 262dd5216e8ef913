using Cloud.Messaging;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Notifications;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>Carries out the lifecycle rules of all buckets: walks their versions in order and deletes what a rule has ended.</summary>
internal sealed partial class LifecycleRunner(
    IDbContextFactory<ObjectStorageDbContext> databases, IndexReads reads, IndexWriter writer, IOptions<ObjectStorageOptions> options,
    TimeProvider time, ILogger<LifecycleRunner> log)
    : IReconciler
{
    private const int PageMax = 1000;

    public async Task ReconcileAsync(CancellationToken ct)
    {
        List<Bucket> buckets;
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            buckets = await db.Buckets.AsNoTracking().Where(bucket => !bucket.Deleted).ToListAsync(ct);
        }

        foreach (var bucket in buckets.Where(bucket => bucket.Settings.Lifecycle is not null))
        {
            var rules = bucket.Settings.Lifecycle!.Where(rule => rule.Enabled).ToList();
            await ExpireAsync(bucket, rules, ct);
            foreach (var rule in rules.Where(rule => rule.AbortMultipartDays is not null))
            {
                await AbortUploadsAsync(bucket, rule, ct);
            }
        }
    }

    private async Task ExpireAsync(Bucket bucket, List<LifecycleRule> rules, CancellationToken ct)
    {
        var query = new ListingQuery(bucket.Id.Value, "", "", "", null, PageMax);
        var walk = new KeyWalk();
        var deleted = 0;
        ObjectVersion? marker = null;
        while (true)
        {
            var page = await reads.ReadAsync(session => Listing.VersionsAsync(session, query, ct), ct);
            foreach (var version in page.Versions)
            {
                walk.Step(version);
                if (marker is not null && marker.Key != version.Key)
                {
                    deleted += await EndMarkerAsync(bucket, rules, marker, ct);
                }

                marker = version is { IsLatest: true, IsDeleteMarker: true } ? version : null;
                if (rules.Exists(rule => Ends(rule, version, walk)))
                {
                    deleted += await DeleteAsync(bucket, version, ct) ? 1 : 0;
                }
            }

            if (page.Next is null)
            {
                break;
            }

            query = query with { After = page.Next, AfterRank = page.NextRank };
        }

        if (marker is not null)
        {
            deleted += await EndMarkerAsync(bucket, rules, marker, ct);
        }

        if (deleted > 0)
        {
            LogExpired(log, deleted, bucket.Name);
        }
    }

    /// <summary>A delete marker that is all that is left of its key goes too.</summary>
    private async Task<int> EndMarkerAsync(Bucket bucket, List<LifecycleRule> rules, ObjectVersion marker, CancellationToken ct)
    {
        if (!rules.Exists(rule => Covers(rule, marker)
            && (rule.ExpiredDeleteMarker || (rule.ExpirationDays is { } days && IsOver(marker.ModifiedAt, days)))))
        {
            return 0;
        }

        await writer.WriteAsync(
            index => index.DeleteVersionAsync(
                bucket.Id.Value, marker.Key, marker.VersionId, false, DeleteConditions.None, ObjectEvents.Expired),
            ct);
        return 1;
    }

    private bool Ends(LifecycleRule rule, ObjectVersion version, KeyWalk walk)
    {
        if (!Covers(rule, version))
        {
            return false;
        }

        if (!version.IsLatest)
        {
            return rule.NoncurrentDays is { } noncurrent && IsOver(walk.SupersededAt, noncurrent)
                && walk.NoncurrentSeen > (rule.NewerNoncurrentVersions ?? 0);
        }

        if (version.IsDeleteMarker)
        {
            // Where it hides nothing any more, EndMarkerAsync ends it.
            return false;
        }

        return (rule.ExpirationDays is { } days && IsOver(version.ModifiedAt, days))
            || (rule.ExpirationDate is { } date && date <= time.GetUtcNow());
    }

    private static bool Covers(LifecycleRule rule, ObjectVersion version) =>
        rule.Covers(version.Key, version.SizeBytes, () => ObjectAttributes.FromJson(version.Attributes).Tags);

    private bool IsOver(long ticks, int days) =>
        new DateTimeOffset(ticks, TimeSpan.Zero) + (options.Value.LifecycleDay * days) <= time.GetUtcNow();

    private async Task<bool> DeleteAsync(Bucket bucket, ObjectVersion version, CancellationToken ct)
    {
        try
        {
            await writer.WriteAsync(
                index => version.IsLatest
                    ? index.DeleteAsync(bucket.Id.Value, version.Key, bucket.Project, new DeleteConditions(version.ETag,
                        version.ModifiedAt), ObjectEvents.Expired)
                    : index.DeleteVersionAsync(
                        bucket.Id.Value, version.Key, version.VersionId, false, DeleteConditions.None, ObjectEvents.Expired),
                ct);
            return true;
        }
        catch (S3Exception)
        {
            // Written anew meanwhile, kept by object lock, or gone with its bucket.
            return false;
        }
    }

    private async Task AbortUploadsAsync(Bucket bucket, LifecycleRule rule, CancellationToken ct)
    {
        var before = (time.GetUtcNow() - (options.Value.LifecycleDay * rule.AbortMultipartDays!.Value)).UtcTicks;
        var uploads = await reads.ReadAsync(
            session => session.ListAsync(
                $"""SELECT {IndexSession.UploadColumns} FROM "Uploads" WHERE "Bucket" = @p0 AND "CreatedAt" <= @p1 LIMIT @p2""",
                IndexSession.ReadUpload, ct, bucket.Id.Value, before, PageMax),
            ct);
        foreach (var upload in uploads.Where(upload => upload.Key.StartsWith(rule.Prefix, StringComparison.Ordinal)))
        {
            try
            {
                await writer.WriteAsync(index => index.AbortUploadAsync(bucket.Id.Value, upload.Key, upload.Id), ct);
            }
            catch (S3Exception)
            {
                // Completed meanwhile.
            }
        }
    }

    [LoggerMessage(EventId = 7020, Level = LogLevel.Information, Message = "Lifecycle rules ended {Count} versions in {Bucket}")]
    private static partial void LogExpired(ILogger log, int count, string bucket);

    /// <summary>What the versions of a key before this one, the newer ones, tell.</summary>
    private sealed class KeyWalk
    {
        private string? _key;
        private long _newer;

        /// <summary>When this version was superseded, in UTC ticks.</summary>
        public long SupersededAt { get; private set; }

        /// <summary>How many versions of the key are not the newest, up to this one.</summary>
        public int NoncurrentSeen { get; private set; }

        public void Step(ObjectVersion version)
        {
            NoncurrentSeen = version.Key == _key ? NoncurrentSeen : 0;
            NoncurrentSeen += version.IsLatest ? 0 : 1;
            SupersededAt = version.Key == _key ? _newer : version.ModifiedAt;
            (_key, _newer) = (version.Key, version.ModifiedAt);
        }
    }
}
