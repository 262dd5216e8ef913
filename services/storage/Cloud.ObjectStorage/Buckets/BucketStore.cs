using System.Collections.Concurrent;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3;
using Cloud.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>
/// The buckets as every request needs them. Kept in memory: this process's changes show at once, those of other replicas within a second.
/// </summary>
internal sealed class BucketStore(
    IDbContextFactory<ObjectStorageDbContext> databases, CloudDatabase<ObjectStorageDbContext> database, TimeProvider time)
    : IDisposable
{
    private const int KnownMax = 10_000;
    private const int TriesMax = 10;

    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Known> _known = new(StringComparer.Ordinal);

    /// <summary>Of this process one at a time: of many at once some would lose every race.</summary>
    private readonly SemaphoreSlim _changes = new(1, 1);

    private int _generation;

    /// <summary>Read only: changes go through <see cref="ChangeAsync"/>.</summary>
    public async ValueTask<Bucket?> FindAsync(string name, CancellationToken ct)
    {
        if (_known.TryGetValue(name, out var known) && (!database.IsPostgres || time.GetElapsedTime(known.At) < Freshness))
        {
            return known.Bucket;
        }

        var at = time.GetTimestamp();
        await using var db = await databases.CreateDbContextAsync(ct);
        var generation = _generation;
        var bucket = await db.Buckets.AsNoTracking().SingleOrDefaultAsync(row => row.Name == name && !row.Deleted, ct);
        if (bucket is null)
        {
            return null;
        }

        if (_known.Count >= KnownMax)
        {
            _known.Clear();
        }

        _known[name] = new Known(bucket, at);
        if (generation != _generation)
        {
            // It changed while it was read.
            _known.TryRemove(name, out _);
        }

        return bucket;
    }

    /// <summary>What was known of it holds no longer. Called after the commit.</summary>
    public void Forget(string name)
    {
        Interlocked.Increment(ref _generation);
        _known.TryRemove(name, out _);
    }

    /// <summary>Changes the bucket as it is now, whoever else changes it at the same time.</summary>
    /// <exception cref="CloudException">It is gone, or refuses the change.</exception>
    /// <exception cref="S3Exception">Other replicas change it without a pause.</exception>
    public async Task<Bucket> ChangeAsync(Bucket known, Action<Bucket, DateTimeOffset> change, CancellationToken ct)
    {
        await _changes.WaitAsync(ct);
        try
        {
            for (var tries = 1; tries <= TriesMax; tries++)
            {
                if (await TryChangeAsync(known, change, ct) is { } changed)
                {
                    return changed;
                }
            }

            throw S3Error.OperationAborted.With();
        }
        finally
        {
            _changes.Release();
        }
    }

    public void Dispose() => _changes.Dispose();

    /// <returns>Null where another was faster.</returns>
    private async Task<Bucket?> TryChangeAsync(Bucket known, Action<Bucket, DateTimeOffset> change, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var bucket = await db.Buckets.SingleOrDefaultAsync(row => row.Id == known.Id && !row.Deleted, ct)
            ?? throw CloudException.NotFound("bucket", known.Name);
        change(bucket, time.GetUtcNow());
        var usage = await db.Usage.AsNoTracking().SingleOrDefaultAsync(row => row.Bucket == bucket.Id.Value, ct);
        db.AddBucketEvent("bucket.changed", bucket, usage?.Objects ?? 0, usage?.SizeBytes ?? 0);
        try
        {
            await db.SaveChangesAsync(ct);
            Forget(known.Name);
            return bucket;
        }
        catch (DbUpdateConcurrencyException)
        {
            return null;
        }
    }

    private sealed record Known(Bucket Bucket, long At);
}
