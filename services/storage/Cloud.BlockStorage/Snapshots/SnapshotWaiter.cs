using Cloud.BlockStorage.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>Holds an answer until a snapshot has settled (<c>?wait=</c>).</summary>
internal sealed class SnapshotWaiter(IDbContextFactory<BlockStorageDbContext> databases, ChangeSignals signals)
{
    /// <summary>The snapshot as it is when it settled, or as it is when the time is over.</summary>
    public async Task<Snapshot> WaitAsync(Snapshot snapshot, WaitQuery wait, CancellationToken ct)
    {
        if (!wait.Waits)
        {
            return snapshot;
        }

        var latest = snapshot;
        await signals.WaitAsync<Snapshot>(snapshot.Id.Value, wait.Limit, async token =>
        {
            await using var db = await databases.CreateDbContextAsync(token);
            latest = await db.Snapshots.AsNoTracking().SingleAsync(other => other.Id == snapshot.Id, token);
            return latest.Settled ? latest : null;
        }, ct);
        return latest;
    }
}
