using System.Globalization;
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

    /// <summary>The timeline that the server writes.</summary>
    public static async Task<int> TimelineAsync(this NpgsqlConnection admin, CancellationToken ct)
    {
        const int Digits = 8;
        var name = await admin.ScalarAsync<string>("SELECT pg_walfile_name(pg_current_wal_lsn())", ct);
        return int.Parse(name!.AsSpan(0, Digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    /// <summary>What the server has flushed of a file of its log, from a place on; nothing where that is all.</summary>
    /// <param name="name">The file that holds the place.</param>
    /// <param name="bytesMax">The rest of that file at most.</param>
    public static async Task<byte[]> ReadLogAsync(
        this NpgsqlConnection admin, string name, long at, long bytesMax, CancellationToken ct) =>
        await admin.ScalarAsync<byte[]>(
            """
            SELECT CASE WHEN flushed.position > $2 THEN
                pg_read_binary_file('pg_wal/' || $1, $2 % $4, least(flushed.position - $2, $3)) END
            FROM (SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint AS position) flushed
            """,
            ct, name, at, bytesMax, (long)ArchiveKeys.SegmentBytes) ?? [];

    /// <summary>The server's clock, and a place before which lies every commit that was acknowledged by then.</summary>
    /// <param name="marks">
    /// Whether a commit of nothing lies between the two. A recovery to any time before it stops there; where nothing is committed after the
    /// time to go back to, the server has to be told to replay all, from the beginning again (<c>recovery_target_time</c>).
    /// </param>
    public static async Task<(long Position, DateTimeOffset Now)> PositionAndTimeAsync(
        this NpgsqlConnection admin, CancellationToken ct, bool marks = false)
    {
        // The clock is read first: what is committed between the two is stored, and later than the time that is said.
        var now = await admin.ScalarAsync<DateTime>("SELECT clock_timestamp()", ct);
        if (marks)
        {
            await admin.ExecuteAsync("SELECT pg_logical_emit_message(true, 'cloud', 'recovery')", ct);
        }

        return (await admin.LogPositionAsync(ct), new DateTimeOffset(now.ToUniversalTime(), TimeSpan.Zero));
    }
}
