using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>Holds an answer until a snapshot has settled (<c>?wait=</c>).</summary>
internal sealed class InstanceSnapshotWaiter(IDbContextFactory<ComputeDbContext> databases, ChangeSignals signals)
{
    /// <summary>The snapshot as it is when it settled, or as it is when the time is over.</summary>
    public async Task<InstanceSnapshot> WaitAsync(InstanceSnapshot snapshot, WaitQuery wait, CancellationToken ct)
    {
        if (!wait.Waits)
        {
            return snapshot;
        }

        var latest = snapshot;
        await signals.WaitAsync<InstanceSnapshot>(snapshot.Id.Value, wait.Limit, async token =>
        {
            await using var db = await databases.CreateDbContextAsync(token);
            latest = await db.InstanceSnapshots.AsNoTracking().SingleAsync(other => other.Id == snapshot.Id, token);
            return latest.Settled ? latest : null;
        }, ct);
        return latest;
    }
}
