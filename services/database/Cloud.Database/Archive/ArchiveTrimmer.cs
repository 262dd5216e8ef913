using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Archive;

/// <summary>Removes what is older than the retention: of deleted databases all, of others what no time of their window needs.</summary>
internal sealed class ArchiveTrimmer(
    IDbContextFactory<DatabaseDbContext> databases, DatabaseArchive archive, ServerEngines engines, DatabaseChanges changes,
    DatabaseOptions options, TimeProvider time) : IReconciler
{
    public async Task ReconcileAsync(CancellationToken ct)
    {
        var oldest = time.GetUtcNow() - options.Retention;
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = await db.Databases.AsNoTracking().ToListAsync(ct);
        foreach (var row in rows.Where(row => row.Status != DatabaseStatus.Deleted))
        {
            await archive.TrimAsync(row.Id, engines.Of(row).FirstLogName, oldest, ct);
        }

        foreach (var row in rows.Where(row => row is { Status: DatabaseStatus.Deleted, FinalBackup: true } && row.DeletedAt < oldest))
        {
            // First it can no longer be asked for, then it goes.
            await changes.ApplyAsync(row.Id, "forgotten", (_, one, now) =>
            {
                var goes = one is { Status: DatabaseStatus.Deleted, FinalBackup: true };
                if (goes)
                {
                    one.IsForgotten(now);
                }

                return Task.FromResult(goes);
            }, ct);
            await archive.ForgetAsync(row.Id, ct);
        }
    }
}
