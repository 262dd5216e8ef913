using Cloud.Database.Databases;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Cloud.Database.Archive;

/// <summary>Says up to when the logs of servers that run are archived, and takes base backups in time.</summary>
internal sealed partial class ArchiveKeeper(
    IDbContextFactory<DatabaseDbContext> databases, DatabaseArchive archive, LogArchivers archivers, ServerConnections connections,
    DatabaseOptions options, ReconcilerSignals signals, TimeProvider time, ILogger<ArchiveKeeper> log) : IReconciler
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
            if (archivers.Find(row) is not { } archiver)
            {
                continue;
            }

            try
            {
                await KeepAsync(row, archiver, db, ct);
            }
            catch (Exception failed) when (failed is NpgsqlException or CloudException or ObjectDisposedException)
            {
                LogFailed(log, row.Id, failed.Message);
            }
        }
    }

    private async Task KeepAsync(ManagedDatabase row, LogArchiver archiver, DatabaseDbContext db, CancellationToken ct)
    {
        if (archiver.HasUnsaid)
        {
            await using var admin = await connections.OpenAsync(row, ct);
            var (position, now) = await admin.PositionAndTimeAsync(ct);
            await archiver.StoreAsync(position, ct);
            await archiver.SaveTimeAsync(now, ct);
        }

        var newest = await db.BaseBackups.AsNoTracking().Where(one => one.Database == row.Id && one.Generation == row.Generation)
            .OrderByDescending(one => one.CompletedAt).FirstOrDefaultAsync(ct);
        if (newest is null
            || time.GetUtcNow() - newest.CompletedAt > options.BaseBackupAge
            || archiver.Received - newest.StartPosition > options.BaseBackupLogBytes)
        {
            await archive.TakeBaseBackupAsync(row, ct);
        }
    }

    [LoggerMessage(9006, LogLevel.Warning, "The archive of {Database} could not be looked after, and is again soon: {Reason}")]
    private static partial void LogFailed(ILogger log, DatabaseId database, string reason);
}
