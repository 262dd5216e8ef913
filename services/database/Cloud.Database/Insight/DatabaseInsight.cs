using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Insight;

/// <summary>What a server does, counted since its statistics began.</summary>
/// <param name="TransactionsCommitted">Of Redis, commands that were done.</param>
/// <param name="TransactionsRolledBack">Of Redis, commands that were refused or failed.</param>
/// <param name="UsedBytes">What its files take on the disk, of <paramref name="SizeBytes"/>.</param>
/// <param name="CacheHitRatio">Of the pages that were asked for, those that were in memory: 0 to 1; null where none was.
/// Of Redis, of the keys.</param>
/// <param name="MemoryBytes">What Redis holds in memory; null of PostgreSQL, which plans with its type's.</param>
/// <param name="Keys">How many keys Redis holds; null of PostgreSQL.</param>
public sealed record DatabaseMetricsView(
    int Connections, int ActiveConnections, int ConnectionsMax, long TransactionsCommitted, long TransactionsRolledBack,
    double? CacheHitRatio, long RowsReturned, long RowsWritten, long Deadlocks, long TemporaryBytes, long UsedBytes, long SizeBytes,
    double UptimeSeconds, long? MemoryBytes = null, long? Keys = null);

/// <summary>A statement that took long, with its constants taken out; of Redis a command and its key.</summary>
public sealed record SlowQueryView(string Query, string? Database, string? User, long Calls, double MeanMs, double MaxMs, double TotalMs,
    long Rows);

internal static class GetDatabaseMetrics
{
    public static async Task<DatabaseMetricsView> HandleAsync(
        string id, Caller caller, DatabaseDbContext db, ServerEngines engines, ServerPlaces places, CancellationToken ct)
    {
        var row = await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct);
        return await engines.Of(row).ReadMetricsAsync(row, await places.Of(row).UsedBytesAsync(row, ct), ct);
    }
}

internal static class ListSlowQueries
{
    private const int Shown = 10;

    public static async Task<Page<SlowQueryView>> HandleAsync(
        string id, Caller caller, DatabaseDbContext db, ServerEngines engines, CancellationToken ct)
    {
        var row = await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct);
        return new Page<SlowQueryView>(await engines.Of(row).ListSlowestAsync(row, Shown, ct), null);
    }
}

internal static class GetDatabaseLogs
{
    private const int LinesDefault = 200;
    private const int LinesMax = 10_000;

    public static async Task<IResult> HandleAsync(
        string id, int? tail, Caller caller, DatabaseDbContext db, ServerPlaces places, CancellationToken ct)
    {
        var lines = tail ?? LinesDefault;
        if (lines is < 1 or > LinesMax)
        {
            throw CloudException.Invalid("tail", $"Expected a number of lines from 1 to {LinesMax}.");
        }

        var row = await db.Databases.AsNoTracking().Existing().FindVisibleAsync(caller, id, ct);
        return TypedResults.Text(await places.Of(row).LogAsync(row, lines, ct));
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
