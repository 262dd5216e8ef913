using Cloud.Database.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

/// <summary>
/// What every change that a user asks of a database does alike: look up, check <c>If-Match</c>, change, say so, save; all in one
/// transaction, and once more from the start where somebody else changed the row at the same moment.
/// </summary>
internal sealed class DatabaseAction(DatabaseDbContext db, DatabaseWaiter waiter, TimeProvider time)
{
    /// <summary>How often a save is tried that another change came before.</summary>
    private const int TriesMax = 10;

    /// <summary>Begins a transition and starts its saga in the same save; answers 202, or waits.</summary>
    public async Task<IResult> RunAsync<TSaga>(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, string what,
        Func<ManagedDatabase, DateTimeOffset, Task<DatabaseSagaData>> begin, CancellationToken ct)
        where TSaga : Saga<DatabaseSagaData>
    {
        var database = await ChangeAsync(id, caller, ifMatch, what, async (row, now) =>
        {
            db.Sagas().Start<TSaga, DatabaseSagaData>(await begin(row, now), row.Id.Value);
        }, ct);
        var latest = await waiter.WaitAsync(database, wait, ct);
        return latest.Settled && wait.Waits
            ? ResourceResults.Ok(context, DatabaseView.From(latest), latest.Version)
            : ResourceResults.Accepted(context, DatabaseView.From(latest), latest.Version);
    }

    /// <param name="what">The event's name after <c>database.</c></param>
    /// <exception cref="CloudException">There is no such database, it has changed since it was read, or the change is refused.</exception>
    public async Task<ManagedDatabase> ChangeAsync(
        string id, Caller caller, IfMatch ifMatch, string what, Func<ManagedDatabase, DateTimeOffset, Task> change, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await using var transaction = await db.Database.BeginTransactionAsync(ct);
                var database = await db.Databases.Existing().FindVisibleAsync(caller, id, ct);
                ifMatch.Require(database.Version);
                await change(database, time.GetUtcNow());
                db.AddDatabaseEvent(database, what);
                await db.SaveNamedAsync(database.Name, ct);
                await transaction.CommitAsync(ct);
                return database;
            }
            catch (DbUpdateConcurrencyException) when (tries < TriesMax)
            {
                db.ChangeTracker.Clear();
            }
        }
    }
}
