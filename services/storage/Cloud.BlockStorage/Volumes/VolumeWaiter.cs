using Cloud.BlockStorage.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

/// <summary>Holds an answer until a volume has settled (<c>?wait=</c>).</summary>
internal sealed class VolumeWaiter(IDbContextFactory<BlockStorageDbContext> databases, ChangeSignals signals)
{
    /// <summary>The volume as it is when it settled, or as it is when the time is over.</summary>
    public async Task<Volume> WaitAsync(Volume volume, WaitQuery wait, CancellationToken ct)
    {
        if (!wait.Waits)
        {
            return volume;
        }

        var latest = volume;
        await signals.WaitAsync<Volume>(volume.Id.Value, wait.Limit, async token =>
        {
            await using var db = await databases.CreateDbContextAsync(token);
            latest = await db.Volumes.AsNoTracking().SingleAsync(other => other.Id == volume.Id, token);
            return latest.Settled ? latest : null;
        }, ct);
        return latest;
    }
}
