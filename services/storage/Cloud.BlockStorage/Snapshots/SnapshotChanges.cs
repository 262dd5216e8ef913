using Cloud.BlockStorage.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>Changes a snapshot's row and says so, in one save, whoever else changes it at the same time.</summary>
internal sealed class SnapshotChanges(IDbContextFactory<BlockStorageDbContext> databases, TimeProvider time)
{
    /// <summary>How often a save is tried that another change came before.</summary>
    private const int TriesMax = 10;

    /// <summary>Begins to remove a snapshot, unless that is under way.</summary>
    public Task BeginDeleteAsync(SnapshotId id, CancellationToken ct) => ApplyAsync(id, "deleting", (db, row, now) =>
    {
        var begins = row.Status is not (SnapshotStatus.Deleting or SnapshotStatus.Deleted);
        if (begins)
        {
            row.BeginDelete(now);
            db.Sagas().Start<SnapshotDeleteSaga, SnapshotSagaData>(new SnapshotSagaData(row.Id), row.Id.Value);
        }

        return Task.FromResult(begins);
    }, ct);

    /// <param name="id">Which snapshot; nothing is done where there is none.</param>
    /// <param name="what">The event's name after <c>snapshot.</c></param>
    /// <param name="change">Answers false where there is nothing to change any more.</param>
    public async Task ApplyAsync(
        SnapshotId id, string what, Func<BlockStorageDbContext, Snapshot, DateTimeOffset, Task<bool>> change, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            try
            {
                await using var transaction = await db.Database.BeginTransactionAsync(ct);
                var row = await db.Snapshots.SingleOrDefaultAsync(row => row.Id == id, ct);
                if (row is null || !await change(db, row, time.GetUtcNow()))
                {
                    return;
                }

                db.AddSnapshotEvent(row, what);
                await db.SaveNamedAsync("snapshot", row.Name, ct);
                await transaction.CommitAsync(ct);
                return;
            }
            catch (DbUpdateConcurrencyException) when (tries < TriesMax)
            {
                // Somebody changed the snapshot at this moment: look at it again.
            }
        }
    }
}
