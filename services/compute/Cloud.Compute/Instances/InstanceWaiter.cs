using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>Holds an answer until an instance has settled (<c>?wait=</c>).</summary>
internal sealed class InstanceWaiter(IDbContextFactory<ComputeDbContext> databases, ChangeSignals signals)
{
    /// <summary>The instance as it is when it settled, or as it is when the time is over.</summary>
    public async Task<Instance> WaitAsync(Instance instance, WaitQuery wait, CancellationToken ct)
    {
        if (!wait.Waits)
        {
            return instance;
        }

        var latest = instance;
        await signals.WaitAsync<Instance>(instance.Id.Value, wait.Limit, async token =>
        {
            await using var db = await databases.CreateDbContextAsync(token);
            latest = await db.Instances.AsNoTracking().SingleAsync(other => other.Id == instance.Id, token);
            return latest.Settled ? latest : null;
        }, ct);
        return latest;
    }
}
