using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.WarmStates;

/// <summary>Holds an answer until a warm state has settled (<c>?wait=</c>).</summary>
internal sealed class WarmStateWaiter(IDbContextFactory<ComputeDbContext> databases, ChangeSignals signals)
{
    /// <summary>The warm state as it is when it settled or went, or as it is when the time is over.</summary>
    public async Task<WarmState> WaitAsync(WarmState state, WaitQuery wait, CancellationToken ct)
    {
        if (!wait.Waits)
        {
            return state;
        }

        var latest = state;
        await signals.WaitAsync<WarmState>(state.Id.Value, wait.Limit, async token =>
        {
            await using var db = await databases.CreateDbContextAsync(token);
            if (await db.WarmStates.AsNoTracking().SingleOrDefaultAsync(row => row.Id == state.Id, token) is not { } row)
            {
                return latest;
            }

            latest = row;
            return row.Status == WarmStateStatus.Warming ? null : row;
        }, ct);
        return latest;
    }
}
