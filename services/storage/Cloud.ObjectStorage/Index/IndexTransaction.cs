using Cloud.Identity.Contracts;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Notifications;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3;
using Cloud.Primitives;

namespace Cloud.ObjectStorage.Index;

/// <summary>
/// What can be changed in the index in one transaction. Each change checks all that can refuse it before it writes. What buckets and
/// projects hold is counted here, so that it always equals the sum of the rows.
/// </summary>
internal sealed partial class IndexTransaction(IndexSession session, TimeProvider time)
{
    private const string Quota = "objectBytes";

    /// <summary>A reader of an object of parts opens them one after the other.</summary>
    private static readonly TimeSpan PartsGrace = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, BucketState> _buckets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ProjectState> _projects = new(StringComparer.Ordinal);

    /// <summary>How many changes were made; a refusal must come before the first.</summary>
    public int Writes { get; private set; }

    /// <summary>Blobs are waiting to be swept.</summary>
    public bool Freed { get; private set; }

    /// <summary>The newest version of a key; null where there is none. It may be a delete marker.</summary>
    public Task<ObjectVersion?> LatestAsync(string bucket, string key) => session.LatestAsync(bucket, key, CancellationToken.None);

    /// <summary>Writes an object: over the one of its key, or as a newer version.</summary>
    /// <param name="held">What the quota holds of it already: the bytes of all parts of its upload.</param>
    public async Task<ObjectVersion> PutAsync(NewObject made, long held = 0)
    {
        var state = await RequireBucketAsync(made.Bucket);
        var latest = await LatestAsync(made.Bucket, made.Key);
        if (latest is not null && ((made.Blob is not null && latest.Blob == made.Blob)
            || (made.Upload is not null && latest.Upload == made.Upload)))
        {
            // The commit took effect although nobody could tell (PostgreSQL went away in the middle of it): it is done.
            return latest;
        }

        made.Conditions.Require(latest);
        var isVersion = state.Versioning == Versioning.Enabled && made.Restored is not { IsNullVersion: true };
        var replaced = isVersion ? null : await NullVersionAsync(made.Bucket, made.Key, latest);
        await ReserveAsync(state, made.SizeBytes - held - (replaced?.SizeBytes ?? 0));
        if (replaced is not null)
        {
            await RemoveAsync(state, replaced);
        }

        if (latest is not null && latest.Rank != replaced?.Rank)
        {
            await SupersedeAsync(made.Bucket, latest);
        }

        var rank = NextRank(latest);
        var version = new ObjectVersion
        {
            Bucket = made.Bucket,
            Key = made.Key,
            Rank = rank,
            VersionId = isVersion ? VersionIds.New(rank) : ObjectVersion.NullVersion,
            IsLatest = true,
            SizeBytes = made.SizeBytes,
            ETag = made.ETag,
            Blob = made.Blob,
            Upload = made.Upload,
            ModifiedAt = made.Restored?.ModifiedAt ?? time.GetUtcNow().UtcTicks,
            Owner = made.Owner,
            Attributes = made.Attributes,
            Retention = made.Retention,
            RetainUntil = made.RetainUntil,
            LegalHold = made.LegalHold,
        };
        if (made.Bytes is not null)
        {
            await ExecuteAsync("""INSERT INTO "SmallBlobs" ("Blob", "Bytes") VALUES (@p0, @p1)""", made.Blob, made.Bytes);
        }

        await InsertAsync(state, version);
        Happened(state, made.Event, version);
        return version;
    }

    /// <summary>Deletes the key: with versions by a delete marker, else for good.</summary>
    public async Task<DeletedObject> DeleteAsync(
        string bucket, string key, string owner, DeleteConditions conditions, string by = ObjectEvents.Removed,
        RestoredObject? restored = null)
    {
        var state = await RequireBucketAsync(bucket);
        var latest = await LatestAsync(bucket, key);
        conditions.Require(latest);
        if (state.Versioning == Versioning.Off)
        {
            if (latest is not null)
            {
                await ReserveAsync(state, -latest.SizeBytes);
                await RemoveAsync(state, latest);
                Happened(state, by + ObjectEvents.Delete, latest);
            }

            return new DeletedObject(null, false);
        }

        var isVersion = state.Versioning == Versioning.Enabled && restored is not { IsNullVersion: true };
        var replaced = isVersion ? null : await NullVersionAsync(bucket, key, latest);
        await ReserveAsync(state, -(replaced?.SizeBytes ?? 0));
        if (replaced is not null)
        {
            await RemoveAsync(state, replaced);
        }

        if (latest is not null && latest.Rank != replaced?.Rank)
        {
            await SupersedeAsync(bucket, latest);
        }

        var rank = NextRank(latest);
        var marker = new ObjectVersion
        {
            Bucket = bucket,
            Key = key,
            Rank = rank,
            VersionId = isVersion ? VersionIds.New(rank) : ObjectVersion.NullVersion,
            IsLatest = true,
            IsDeleteMarker = true,
            ModifiedAt = restored?.ModifiedAt ?? time.GetUtcNow().UtcTicks,
            Owner = owner,
        };
        await InsertAsync(state, marker);
        Happened(state, by + ObjectEvents.DeleteMarkerCreated, marker);
        return new DeletedObject(marker.VersionId, true);
    }

    /// <summary>Deletes one version for good; the next older one is the newest then.</summary>
    public async Task<DeletedObject> DeleteVersionAsync(
        string bucket, string key, string versionId, bool bypassGovernance, DeleteConditions conditions,
        string by = ObjectEvents.Removed)
    {
        var state = await RequireBucketAsync(bucket);
        if (await session.FindVersionAsync(bucket, key, versionId, CancellationToken.None) is not { } version)
        {
            return new DeletedObject(versionId, false);
        }

        conditions.Require(version);
        RequireUnlocked(version, bypassGovernance);
        await ReserveAsync(state, -version.SizeBytes);
        await RemoveAsync(state, version);
        Happened(state, by + ObjectEvents.Delete, version);
        if (version.IsLatest)
        {
            await ExecuteAsync(
                """
                UPDATE "Objects" SET "IsLatest" = TRUE WHERE "Bucket" = @p0 AND "Key" = @p1 AND "Rank" = (
                    SELECT MIN("Rank") FROM "Objects" WHERE "Bucket" = @p0 AND "Key" = @p1)
                """,
                bucket, key);
        }

        return new DeletedObject(versionId, version.IsDeleteMarker);
    }

    /// <summary>Replaces what is kept of a version beside its bytes.</summary>
    public async Task SetAttributesAsync(string bucket, ObjectVersion version, string attributes)
    {
        await RequireBucketAsync(bucket);
        await RequireOneAsync(
            """UPDATE "Objects" SET "Attributes" = @p3 WHERE "Bucket" = @p0 AND "Key" = @p1 AND "Rank" = @p2""",
            bucket, version.Key, version.Rank, attributes);
    }

    /// <summary>Sets how long, and whether in any case, a version is kept.</summary>
    public async Task SetLockAsync(string bucket, ObjectVersion version, RetentionMode mode, long retainUntil, bool legalHold)
    {
        await RequireBucketAsync(bucket);
        await RequireOneAsync(
            """
            UPDATE "Objects" SET "Retention" = @p3, "RetainUntil" = @p4, "LegalHold" = @p5
            WHERE "Bucket" = @p0 AND "Key" = @p1 AND "Rank" = @p2
            """,
            bucket, version.Key, version.Rank, (int)mode, retainUntil, legalHold);
    }

    /// <summary>Writes what was counted. Called once, before the commit.</summary>
    public async Task FlushAsync()
    {
        foreach (var (bucket, state) in _buckets.Where(pair => pair.Value.Objects != 0 || pair.Value.Bytes != 0))
        {
            await ExecuteAsync(
                """
                INSERT INTO "Usage" ("Bucket", "Objects", "SizeBytes") VALUES (@p0, @p1, @p2)
                ON CONFLICT ("Bucket") DO UPDATE SET
                    "Objects" = "Usage"."Objects" + excluded."Objects", "SizeBytes" = "Usage"."SizeBytes" + excluded."SizeBytes"
                """,
                bucket, state.Objects, state.Bytes);
        }

        foreach (var (project, state) in _projects.Where(pair => pair.Value.Delta != 0))
        {
            await ExecuteAsync(
                """
                INSERT INTO "quota_counts" ("Project", "Name", "Used", "Generation") VALUES (@p0, @p1, @p2, 1)
                ON CONFLICT ("Project", "Name") DO UPDATE SET
                    "Used" = "quota_counts"."Used" + excluded."Used", "Generation" = "quota_counts"."Generation" + 1
                """,
                project, Quota, state.Delta);
        }

        await FlushEventsAsync();
    }

    /// <summary>The files of these blobs are gone.</summary>
    public async Task<int> ForgetBlobsAsync(IReadOnlyList<string> dead)
    {
        foreach (var blob in dead)
        {
            await ExecuteAsync("""DELETE FROM "DeadBlobs" WHERE "Blob" = @p0""", blob);
        }

        return dead.Count;
    }

    private static void RequireUnlocked(ObjectVersion version, bool bypassGovernance, TimeProvider time)
    {
        var kept = version.RetainUntil > time.GetUtcNow().UtcTicks
            && (version.Retention == RetentionMode.Compliance || (version.Retention == RetentionMode.Governance && !bypassGovernance));
        if (version.LegalHold || kept)
        {
            throw S3Error.AccessDenied.With("The version is kept by object lock.");
        }
    }

    private static long NextRank(ObjectVersion? latest, TimeProvider time)
    {
        var rank = -time.GetUtcNow().UtcTicks;
        return latest is null || rank < latest.Rank ? rank : latest.Rank - 1;
    }

    private void RequireUnlocked(ObjectVersion version, bool bypassGovernance) => RequireUnlocked(version, bypassGovernance, time);

    private long NextRank(ObjectVersion? latest) => NextRank(latest, time);

    private async Task<ObjectVersion?> NullVersionAsync(string bucket, string key, ObjectVersion? latest) =>
        latest is null || latest.VersionId == ObjectVersion.NullVersion
            ? latest
            : await session.FindVersionAsync(bucket, key, ObjectVersion.NullVersion, CancellationToken.None);

    private Task<int> SupersedeAsync(string bucket, ObjectVersion latest) => ExecuteAsync(
        """UPDATE "Objects" SET "IsLatest" = FALSE WHERE "Bucket" = @p0 AND "Key" = @p1 AND "Rank" = @p2""",
        bucket, latest.Key, latest.Rank);

    private async Task InsertAsync(BucketState state, ObjectVersion version)
    {
        await ExecuteAsync(
            """
            INSERT INTO "Objects" ("Bucket", "Key", "Rank", "VersionId", "IsLatest", "IsDeleteMarker", "SizeBytes", "ETag", "Blob",
                "Upload", "ModifiedAt", "Owner", "Attributes", "Retention", "RetainUntil", "LegalHold")
            VALUES (@p0, @p1, @p2, @p3, TRUE, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12, @p13, @p14)
            """,
            version.Bucket, version.Key, version.Rank, version.VersionId, version.IsDeleteMarker, version.SizeBytes, version.ETag,
            version.Blob, version.Upload, version.ModifiedAt, version.Owner, version.Attributes, (int)version.Retention,
            version.RetainUntil, version.LegalHold);
        state.Objects++;
        state.Bytes += version.SizeBytes;
    }

    private async Task RemoveAsync(BucketState state, ObjectVersion version)
    {
        await RequireOneAsync(
            """DELETE FROM "Objects" WHERE "Bucket" = @p0 AND "Key" = @p1 AND "Rank" = @p2""", state.Id, version.Key, version.Rank);
        await FreeAsync(version.Blob);
        if (version.Upload is { } upload)
        {
            await FreePartsAsync(upload, PartsGrace);
        }

        state.Objects--;
        state.Bytes -= version.SizeBytes;
    }

    private async Task FreeAsync(string? blob)
    {
        if (blob is null)
        {
            return;
        }

        if (SmallBlob.Is(blob))
        {
            await ExecuteAsync("""DELETE FROM "SmallBlobs" WHERE "Blob" = @p0""", blob);
        }
        else
        {
            await ExecuteAsync(
                """INSERT INTO "DeadBlobs" ("Blob", "NotBefore") VALUES (@p0, @p1) ON CONFLICT ("Blob") DO NOTHING""",
                blob, time.GetUtcNow().UtcTicks);
            Freed = true;
        }
    }

    private async Task FreePartsAsync(string upload, TimeSpan grace)
    {
        await ExecuteAsync(
            """
            INSERT INTO "DeadBlobs" ("Blob", "NotBefore") SELECT "Blob", @p1 FROM "Parts" WHERE "Upload" = @p0 AND "Blob" IS NOT NULL
            ON CONFLICT ("Blob") DO NOTHING
            """,
            upload, (time.GetUtcNow() + grace).UtcTicks);
        await ExecuteAsync("""DELETE FROM "Parts" WHERE "Upload" = @p0""", upload);
        Freed = true;
    }

    /// <summary>Takes from the project's quota, or gives back.</summary>
    private async Task ReserveAsync(BucketState bucket, long bytes)
    {
        if (bytes == 0)
        {
            return;
        }

        if (!_projects.TryGetValue(bucket.Project, out var project))
        {
            var used = await session.ScalarAsync<long>(
                """SELECT "Used" FROM "quota_counts" WHERE "Project" = @p0 AND "Name" = @p1""", CancellationToken.None, bucket.Project,
                Quota);
            var limit = await session.ScalarAsync<long?>(
                """SELECT "Limit" FROM "quota_limits" WHERE "Project" = @p0 AND "Name" = @p1""", CancellationToken.None, bucket.Project,
                Quota);
            _projects[bucket.Project] = project = new ProjectState(used, limit ?? QuotaCatalog.Find(Quota)!.DefaultLimit);
        }

        if (bytes > 0 && project.Used + project.Delta > project.Limit - bytes)
        {
            throw new CloudException(
                ErrorKind.Conflict, "quota-exceeded",
                $"The project's quota '{Quota}' is {new ByteSize(project.Limit)} and {new ByteSize(project.Used + project.Delta)} are in "
                + $"use: {new ByteSize(bytes)} more do not fit. An admin can raise it.");
        }

        project.Delta += bytes;
    }

    private async Task<BucketState> RequireBucketAsync(string id)
    {
        if (!_buckets.TryGetValue(id, out var state))
        {
            // PostgreSQL: the bucket is not deleted while something is written into it.
            state = await session.FirstAsync(
                session.IsPostgres
                    ? """SELECT "Project", "Versioning", "Version" FROM "Buckets" WHERE "Id" = @p0 AND "Deleted" = FALSE FOR SHARE"""
                    : """SELECT "Project", "Versioning", "Version" FROM "Buckets" WHERE "Id" = @p0 AND "Deleted" = FALSE""",
                row => new BucketState(id, row.GetString(0), (Versioning)row.GetInt32(1), row.GetInt64(2)), CancellationToken.None, id);
            _buckets[id] = state ?? throw S3Error.NoSuchBucket.With();
            state.Bucket = await session.BucketAsync(id, state.RowVersion);
        }

        return state;
    }

    private Task<int> ExecuteAsync(string sql, params object?[] values)
    {
        Writes++;
        return session.ExecuteAsync(sql, CancellationToken.None, values);
    }

    /// <summary>PostgreSQL: another replica may have been faster, and nothing is done twice.</summary>
    private async Task RequireOneAsync(string sql, params object?[] values)
    {
        if (await ExecuteAsync(sql, values) != 1)
        {
            throw S3Error.OperationAborted.With();
        }
    }

    private sealed record BucketState(string Id, string Project, Versioning Versioning, long RowVersion)
    {
        public Bucket? Bucket { get; set; }

        public long Objects { get; set; }

        public long Bytes { get; set; }
    }

    private sealed record ProjectState(long Used, long Limit)
    {
        public long Delta { get; set; }
    }
}

/// <summary>What is to be written as an object.</summary>
internal sealed record NewObject
{
    /// <summary>The bucket's id.</summary>
    public required string Bucket { get; init; }

    public required string Key { get; init; }

    public required long SizeBytes { get; init; }

    public required string ETag { get; init; }

    public string? Blob { get; init; }

    /// <summary>Of a <see cref="SmallBlob"/>, as they are to lie on the disk; null where the blob is a file.</summary>
    public byte[]? Bytes { get; init; }

    public string? Upload { get; init; }

    public required string Owner { get; init; }

    public required string Attributes { get; init; }

    public RetentionMode Retention { get; init; } = RetentionMode.None;

    public long RetainUntil { get; init; }

    public bool LegalHold { get; init; }

    /// <summary>What it was in the bucket that it is restored from; null for what is new.</summary>
    public RestoredObject? Restored { get; init; }

    /// <summary>What is told of it where the bucket's owner wants to know.</summary>
    public string Event { get; init; } = ObjectEvents.Created + "Put";

    public WriteConditions Conditions { get; init; } = WriteConditions.None;
}

/// <summary>What an object keeps that is restored.</summary>
/// <param name="ModifiedAt">UTC ticks.</param>
internal sealed record RestoredObject(string ETag, long ModifiedAt, bool IsNullVersion);

/// <param name="VersionId">Of the marker made, or of the version deleted; null where there are no versions.</param>
/// <param name="IsDeleteMarker">It made one, or deleted one.</param>
internal sealed record DeletedObject(string? VersionId, bool IsDeleteMarker);
