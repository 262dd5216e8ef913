using Cloud.Database.Servers;
using Npgsql;

namespace Cloud.Database.Archive;

/// <summary>Places of a server's log, as numbers of bytes from its beginning.</summary>
internal static class LogPositions
{
    /// <summary>
    /// Everything that was acknowledged lies before it. What is written and not yet flushed is nobody's word, and would be waited for: the
    /// server sends it with the next commit, or after fifteen seconds.
    /// </summary>
    public static async Task<long> LogPositionAsync(this NpgsqlConnection admin, CancellationToken ct) =>
        await admin.ScalarAsync<long>("SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint", ct);

    /// <summary>The server's clock, and a place before which lies every commit that was acknowledged by then.</summary>
    public static async Task<(long Position, DateTimeOffset Now)> PositionAndTimeAsync(this NpgsqlConnection admin, CancellationToken ct)
    {
        // The clock is read first: what is committed between the two is stored, and later than the time that is said.
        var now = await admin.ScalarAsync<DateTime>("SELECT clock_timestamp()", ct);
        return (await admin.LogPositionAsync(ct), new DateTimeOffset(now.ToUniversalTime(), TimeSpan.Zero));
    }
}
