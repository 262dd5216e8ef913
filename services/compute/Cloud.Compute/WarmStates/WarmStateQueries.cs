using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.WarmStates;

internal static class WarmStateQueries
{
    /// <summary>Starts the saga that makes a warm state, in the same save; one that it takes the place of goes.</summary>
    public static void ReplaceWarmState(this ComputeDbContext db, WarmState? before, WarmState state)
    {
        if (before is not null)
        {
            db.WarmStates.Remove(before);
        }

        db.WarmStates.Add(state);
        db.Sagas().Start<WarmStateSaga, WarmStateSagaData>(new WarmStateSagaData(state.Id), state.Id.Value);
    }

    /// <summary>Saves a change of warm states, unless one of them went meanwhile: then nothing of it is wanted any more.</summary>
    public static async Task<bool> SaveIfThereAsync(this ComputeDbContext db, CancellationToken ct)
    {
        try
        {
            await db.SaveChangesAsync(ct);
            return true;
        }
        catch (DbUpdateConcurrencyException)
        {
            return false;
        }
    }
}
