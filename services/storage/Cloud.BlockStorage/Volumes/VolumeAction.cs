using Cloud.BlockStorage.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

/// <summary>
/// What every change that a user asks of a volume does alike: look up, check <c>If-Match</c>, change, say so, save; all in one
/// transaction, and once more from the start where somebody else changed the row at the same moment.
/// </summary>
internal sealed class VolumeAction(BlockStorageDbContext db, VolumeWaiter waiter, TimeProvider time)
{
    /// <summary>How often a save is tried that another change came before.</summary>
    private const int TriesMax = 10;

    /// <summary>Begins a transition and starts its saga in the same save; answers 202, or waits.</summary>
    public async Task<IResult> RunAsync<TSaga>(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, string what,
        Func<Volume, DateTimeOffset, Task<VolumeSagaData>> begin, CancellationToken ct)
        where TSaga : Saga<VolumeSagaData>
    {
        var volume = await ChangeAsync(id, caller, ifMatch, what, async (row, now) =>
        {
            db.Sagas().Start<TSaga, VolumeSagaData>(await begin(row, now), row.Id.Value);
        }, ct);
        var latest = await waiter.WaitAsync(volume, wait, ct);
        return latest.Settled && wait.Waits
            ? ResourceResults.Ok(context, VolumeView.From(latest), latest.Version)
            : ResourceResults.Accepted(context, VolumeView.From(latest), latest.Version);
    }

    /// <param name="what">The event's name after <c>volume.</c></param>
    /// <exception cref="CloudException">There is no such volume, it has changed since it was read, or the change is refused.</exception>
    public async Task<Volume> ChangeAsync(
        string id, Caller caller, IfMatch ifMatch, string what, Func<Volume, DateTimeOffset, Task> change, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await using var transaction = await db.Database.BeginTransactionAsync(ct);
                var volume = await db.Volumes.FindVisibleAsync(caller, id, ct);
                ifMatch.Require(volume.Version);
                await change(volume, time.GetUtcNow());
                db.AddVolumeEvent(volume, what);
                await db.SaveNamedAsync("volume", volume.Name, ct);
                await transaction.CommitAsync(ct);
                return volume;
            }
            catch (DbUpdateConcurrencyException) when (tries < TriesMax)
            {
                db.ChangeTracker.Clear();
            }
        }
    }
}
