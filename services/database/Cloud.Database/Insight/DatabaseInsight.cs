using Cloud.Database.Databases;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Insight;

/// <summary>What a server does, counted since its statistics began.</summary>
/// <param name="UsedBytes">What its files take on the disk, of <paramref name="SizeBytes"/>.</param>
/// <param name="CacheHitRatio">Of the pages that were asked for, those that were in memory: 0 to 1; null where none was.</param>
public sealed record DatabaseMetricsView(
    int Connections, int ActiveConnections, int ConnectionsMax, long TransactionsCommitted, long TransactionsRolledBack,
    double? CacheHitRatio, long RowsReturned, long RowsWritten, long Deadlocks, long TemporaryBytes, long UsedBytes, long SizeBytes,
    double UptimeSeconds);

/// <summary>A statement that took long, with its constants taken out.</summary>
public sealed record SlowQueryView(string Query, string? Database, string? User, long Calls, double MeanMs, double MaxMs, double TotalMs,
    long Rows);

internal static class GetDatabaseMetrics
{
    public static async Task<DatabaseMetricsView> HandleAsync(
        string id, Caller caller, DatabaseDbContext db, ServerConnections connections, ServerProcesses processes, CancellationToken ct)
    {
        var row = await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct);
        await using var admin = await connections.OpenAsync(row, ct);
        var used = processes.FolderOf(row).UsedBytes();
        var metrics = await admin.ListAsync(
            """
            SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename <> current_user),
                   (SELECT count(*)::int FROM pg_stat_activity
                    WHERE backend_type = 'client backend' AND usename <> current_user AND state = 'active'),
                   current_setting('max_connections')::int, sum(xact_commit)::bigint, sum(xact_rollback)::bigint,
                   sum(blks_hit)::float8 / nullif(sum(blks_hit + blks_read), 0), sum(tup_returned)::bigint,
                   sum(tup_inserted + tup_updated + tup_deleted)::bigint, sum(deadlocks)::bigint, sum(temp_bytes)::bigint,
                   extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8
            FROM pg_stat_database
            """,
            one => new DatabaseMetricsView(
                one.GetInt32(0), one.GetInt32(1), one.GetInt32(2), one.GetInt64(3), one.GetInt64(4),
                one.IsDBNull(5) ? null : one.GetDouble(5), one.GetInt64(6), one.GetInt64(7), one.GetInt64(8), one.GetInt64(9), used,
                row.SizeBytes, one.GetDouble(10)),
            ct);
        return metrics[0];
    }
}

internal static class ListSlowQueries
{
    private const int Shown = 10;

    public static async Task<Page<SlowQueryView>> HandleAsync(
        string id, Caller caller, DatabaseDbContext db, ServerConnections connections, CancellationToken ct)
    {
        var row = await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct);
        await using var admin = await connections.OpenAsync(row, ct);
        var found = await admin.ListAsync(
            """
            SELECT s.query, d.datname, r.rolname, s.calls, s.mean_exec_time, s.max_exec_time, s.total_exec_time, s.rows
            FROM public.pg_stat_statements s LEFT JOIN pg_database d ON d.oid = s.dbid LEFT JOIN pg_roles r ON r.oid = s.userid
            WHERE r.rolsuper IS NOT TRUE ORDER BY s.mean_exec_time DESC LIMIT $1
            """,
            one => new SlowQueryView(
                one.GetString(0), one.IsDBNull(1) ? null : one.GetString(1), one.IsDBNull(2) ? null : one.GetString(2), one.GetInt64(3),
                one.GetDouble(4), one.GetDouble(5), one.GetDouble(6), one.GetInt64(7)),
            ct, Shown);
        return new Page<SlowQueryView>(found, null);
    }
}

internal static class GetDatabaseLogs
{
    private const int LinesDefault = 200;
    private const int LinesMax = 10_000;

    public static async Task<IResult> HandleAsync(
        string id, int? tail, Caller caller, DatabaseDbContext db, ServerProcesses processes, CancellationToken ct)
    {
        var lines = tail ?? LinesDefault;
        if (lines is < 1 or > LinesMax)
        {
            throw CloudException.Invalid("tail", $"Expected a number of lines from 1 to {LinesMax}.");
        }

        var row = await db.Databases.AsNoTracking().Existing().FindVisibleAsync(caller, id, ct);
        return TypedResults.Text(await processes.LogAsync(row, lines, ct));
    }
}

internal static class GetAuthorityCertificate
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, DatabaseDbContext db, ServerCertificates certificates, CancellationToken ct)
    {
        await db.Databases.AsNoTracking().Existing().FindVisibleAsync(caller, id, ct);
        return TypedResults.Text(certificates.AuthorityText(), "application/x-pem-file");
    }
}
