using System.Threading.RateLimiting;

namespace Cloud.Gateway.Limits;

/// <summary>What one token, or one address without a token, may still do now.</summary>
internal sealed class CallerLimits : IDisposable
{
    private readonly TokenBucketRateLimiter _calls;
    private readonly TokenBucketRateLimiter _changes;

    public CallerLimits(int callsPerSecond, int callsAtOnce, int changesPerSecond, int changesAtOnce, int streamsAtOnce)
    {
        _calls = Bucket(callsPerSecond, callsAtOnce);
        _changes = Bucket(changesPerSecond, changesAtOnce);
        Streams = new ConcurrencyLimiter(new ConcurrencyLimiterOptions { PermitLimit = streamsAtOnce });
    }

    /// <summary>A lease of it is held as long as the stream.</summary>
    public ConcurrencyLimiter Streams { get; }

    /// <summary>Takes one call off.</summary>
    /// <returns>Null where it may be made; else how long to wait.</returns>
    public TimeSpan? Take(bool changes)
    {
        if (changes && Take(_changes) is { } wait)
        {
            return wait;
        }

        return Take(_calls);
    }

    public void Dispose()
    {
        _calls.Dispose();
        _changes.Dispose();
        Streams.Dispose();
    }

    private static TimeSpan? Take(TokenBucketRateLimiter bucket)
    {
        using var lease = bucket.AttemptAcquire();
        if (lease.IsAcquired)
        {
            return null;
        }

        // Filled when it is found empty, not by a timer: a thousand tokens at rest cost nothing.
        bucket.TryReplenish();
        using var again = bucket.AttemptAcquire();
        if (again.IsAcquired)
        {
            return null;
        }

        return again.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : TimeSpan.FromSeconds(1);
    }

    private static TokenBucketRateLimiter Bucket(int perSecond, int atOnce) => new(new TokenBucketRateLimiterOptions
    {
        AutoReplenishment = false,
        QueueLimit = 0,
        ReplenishmentPeriod = TimeSpan.FromMilliseconds(100),
        TokensPerPeriod = Math.Max(1, perSecond / 10),
        TokenLimit = Math.Max(1, atOnce),
    });
}
