using Cloud.Database.Archive;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

/// <summary>Changes a database's row and says so, in one save, whoever else changes it at the same time.</summary>
internal sealed class DatabaseChanges(IDbContextFactory<DatabaseDbContext> databases, ReconcilerSignals signals, TimeProvider time)
{
    /// <summary>How often a save is tried that another change came before.</summary>
    private const int TriesMax = 10;

    /// <param name="id">Which database; nothing is done where there is none.</param>
    /// <param name="what">The event's name after <c>database.</c></param>
    /// <param name="change">Answers false where there is nothing to change any more.</param>
    public async Task ApplyAsync(
        DatabaseId id, string what, Func<DatabaseDbContext, ManagedDatabase, DateTimeOffset, Task<bool>> change, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            try
            {
                await using var transaction = await db.Database.BeginTransactionAsync(ct);
                var row = await db.Databases.SingleOrDefaultAsync(row => row.Id == id, ct);
                if (row is null || !await change(db, row, time.GetUtcNow()))
                {
                    return;
                }

                db.AddDatabaseEvent(row, what);
                await db.SaveChangesAsync(ct);
                await transaction.CommitAsync(ct);
                if (row.ShouldRun)
                {
                    signals.Wake<ServerKeeper>();
                    signals.Wake<ArchiveKeeper>();
                }

                return;
            }
            catch (DbUpdateConcurrencyException) when (tries < TriesMax)
            {
                // Somebody changed the database at this moment: look at it again.
            }
        }
    }
}
