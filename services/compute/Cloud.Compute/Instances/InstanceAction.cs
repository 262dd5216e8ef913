using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>
/// What every change that a user asks of an instance does alike: look up, check <c>If-Match</c>, change, say so, save; all in one
/// transaction, and once more from the start where the cloud itself changed the row at the same moment.
/// </summary>
internal sealed class InstanceAction(ComputeDbContext db, InstanceWaiter waiter, TimeProvider time)
{
    /// <summary>How often a save is tried that another change came before.</summary>
    private const int TriesMax = 10;

    /// <summary>Begins a transition and starts its saga in the same save; answers 202, or waits.</summary>
    public Task<IResult> RunAsync<TSaga>(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, Action<Instance, DateTimeOffset> begin,
        CancellationToken ct)
        where TSaga : Saga<InstanceSagaData> =>
        RunAsync<TSaga>(id, caller, ifMatch, wait, context, (instance, now) =>
        {
            begin(instance, now);
            return Task.CompletedTask;
        }, ct);

    public async Task<IResult> RunAsync<TSaga>(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, Func<Instance, DateTimeOffset, Task> begin,
        CancellationToken ct)
        where TSaga : Saga<InstanceSagaData>
    {
        var instance = await ChangeAsync(id, caller, ifMatch, async (row, now) =>
        {
            await begin(row, now);
            db.Sagas().Start<TSaga, InstanceSagaData>(new InstanceSagaData(row.Id), row.Id.Value);
            return EnumWords.Of(row.Status);
        }, ct);
        var latest = await waiter.WaitAsync(instance, wait, ct);
        return latest.Settled && wait.Waits
            ? ResourceResults.Ok(context, InstanceView.From(latest), latest.Version)
            : ResourceResults.Accepted(context, InstanceView.From(latest), latest.Version);
    }

    /// <param name="change">Changes the row and answers the event's name after <c>instance.</c></param>
    /// <exception cref="CloudException">There is no such instance, it has changed since it was read, or the change is refused.</exception>
    public async Task<Instance> ChangeAsync(
        string id, Caller caller, IfMatch ifMatch, Func<Instance, DateTimeOffset, Task<string>> change, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await using var transaction = await db.Database.BeginTransactionAsync(ct);
                var instance = await db.Instances.FindVisibleAsync(caller, id, ct);
                ifMatch.Require(instance.Version);
                db.AddInstanceEvent(instance, await change(instance, time.GetUtcNow()));
                await db.SaveNewAsync("instance", instance.Name, ct);
                await transaction.CommitAsync(ct);
                return instance;
            }
            catch (DbUpdateConcurrencyException) when (tries < TriesMax)
            {
                db.ChangeTracker.Clear();
            }
        }
    }
}
