using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Database.Redis;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Cloud.Database.Archive;

/// <summary>Says up to when the logs of servers that run are archived, and takes base backups in time.</summary>
internal sealed partial class ArchiveKeeper(
    IDbContextFactory<DatabaseDbContext> databases, ServerEngines engines, ReconcilerSignals signals,
    ILogger<ArchiveKeeper> log) : IReconciler
{
    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = await db.Databases.AsNoTracking()
            .Where(row => row.Status == DatabaseStatus.Available || row.Status == DatabaseStatus.ReadOnly).ToListAsync(ct);
        if (rows.Count == 0)
        {
            signals.RestUntilWoken<ArchiveKeeper>();
        }

        foreach (var row in rows)
        {
            try
            {
                var newest = await db.BaseBackups.AsNoTracking()
                    .Where(one => one.Database == row.Id && one.Generation == row.Generation)
                    .OrderByDescending(one => one.CompletedAt).FirstOrDefaultAsync(ct);
                await engines.Of(row).KeepArchiveAsync(row, newest, ct);
            }
            catch (Exception failed)
                when (failed is NpgsqlException or RedisException or CloudException or IOException or ObjectDisposedException)
            {
                LogFailed(log, row.Id, failed.Message);
            }
        }
    }

    [LoggerMessage(9006, LogLevel.Warning, "The archive of {Database} could not be looked after, and is again soon: {Reason}")]
    private static partial void LogFailed(ILogger log, DatabaseId database, string reason);
}
