using Cloud.ObjectStorage.Persistence;
using Cloud.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>How buckets come and go, for the REST API and for S3.</summary>
internal sealed class BucketLife(BucketStore known, TimeProvider time)
{
    /// <summary>Makes a bucket in a transaction of the context.</summary>
    /// <exception cref="CloudException">The name is taken, by this project (<c>name-taken</c>) or another; the quota is used
    /// up.</exception>
    public async Task<Bucket> CreateAsync(ObjectStorageDbContext db, NewBucket asked, CancellationToken ct)
    {
        var bucket = Bucket.Create(
            TypedId.New<BucketId>(time), asked.Project, asked.ProjectName, asked.Name, asked.Labels, asked.Settings, asked.Versioning,
            time.GetUtcNow());
        await using (var transaction = await db.Database.BeginTransactionAsync(ct))
        {
            if (await db.Buckets.AnyAsync(row => row.Name == asked.Name && !row.Deleted, ct))
            {
                throw Taken(asked.Name, null);
            }

            await db.Quotas().ReserveAsync(asked.Project, "buckets", 1, ct);
            db.Buckets.Add(bucket);
            db.AddBucketEvent("bucket.created", bucket);
            try
            {
                await db.SaveChangesAsync(ct);
            }
            catch (DbUpdateException taken) when (taken.IsUniqueViolation())
            {
                throw Taken(asked.Name, taken);
            }

            await transaction.CommitAsync(ct);
        }

        known.Forget(asked.Name);
        return bucket;
    }

    /// <summary>Removes a bucket that is empty, in a transaction of the context.</summary>
    /// <exception cref="CloudException"><c>bucket-not-empty</c>: versions count, delete markers and uploads under way do not hold it
    /// up.</exception>
    public async Task DeleteAsync(ObjectStorageDbContext db, BucketId id, Action<Bucket>? check, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (db.Database.IsNpgsql())
        {
            // Whoever writes into it holds a share of its row.
            await db.Database.ExecuteSqlAsync($"""SELECT 1 FROM "Buckets" WHERE "Id" = {id.Value} FOR UPDATE""", ct);
        }

        var bucket = await db.Buckets.SingleOrDefaultAsync(row => row.Id == id && !row.Deleted, ct)
            ?? throw CloudException.NotFound("bucket", id.Value);
        check?.Invoke(bucket);
        if (await db.Objects.AnyAsync(row => row.Bucket == id.Value, ct))
        {
            throw CloudException.Conflict(
                "bucket-not-empty", $"The bucket '{bucket.Name}' is not empty. Delete its objects, with all versions, first.");
        }

        var now = time.GetUtcNow();
        var uploads = db.Uploads.Where(row => row.Bucket == id.Value).Select(row => row.Id);
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO "DeadBlobs" ("Blob", "NotBefore") SELECT "Blob", {now.UtcTicks} FROM "Parts"
            WHERE "Blob" IS NOT NULL AND "Upload" IN (SELECT "Id" FROM "Uploads" WHERE "Bucket" = {id.Value})
            ON CONFLICT ("Blob") DO NOTHING
            """,
            ct);
        var held = await db.Parts.Where(part => uploads.Contains(part.Upload)).SumAsync(part => part.SizeBytes, ct);
        if (held > 0)
        {
            await db.Quotas().ReserveAsync(bucket.Project, "objectBytes", -held, ct);
        }

        await db.Parts.Where(part => uploads.Contains(part.Upload)).ExecuteDeleteAsync(ct);
        await db.Uploads.Where(row => row.Bucket == id.Value).ExecuteDeleteAsync(ct);
        await db.Usage.Where(row => row.Bucket == id.Value).ExecuteDeleteAsync(ct);
        bucket.Delete(now);
        await db.Quotas().ReserveAsync(bucket.Project, "buckets", -1, ct);
        db.AddBucketEvent("bucket.deleted", bucket);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        known.Forget(bucket.Name);
    }

    private static CloudException Taken(string name, Exception? inner) => new(
        ErrorKind.Conflict, "name-taken", $"There is already a bucket '{name}'. Buckets' names are shared by all projects.", inner);
}

/// <summary>What a bucket is to be.</summary>
internal sealed record NewBucket(string Project, string ProjectName, string Name)
{
    public Labels Labels { get; init; } = Labels.None;

    public BucketSettings Settings { get; init; } = new();

    public Versioning Versioning { get; init; } = Versioning.Off;
}
