using Cloud.Database.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

/// <summary>Holds an answer until a database has settled (<c>?wait=</c>).</summary>
internal sealed class DatabaseWaiter(IDbContextFactory<DatabaseDbContext> databases, ChangeSignals signals)
{
    /// <summary>The database as it is when it settled, or as it is when the time is over.</summary>
    public async Task<ManagedDatabase> WaitAsync(ManagedDatabase database, WaitQuery wait, CancellationToken ct)
    {
        if (!wait.Waits)
        {
            return database;
        }

        var latest = database;
        await signals.WaitAsync<ManagedDatabase>(database.Id.Value, wait.Limit, async token =>
        {
            await using var db = await databases.CreateDbContextAsync(token);
            latest = await db.Databases.AsNoTracking().SingleAsync(other => other.Id == database.Id, token);
            return latest.Settled ? latest : null;
        }, ct);
        return latest;
    }
}
