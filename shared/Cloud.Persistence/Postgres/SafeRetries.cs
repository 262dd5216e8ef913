using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Cloud.Persistence.Postgres;

/// <summary>
/// Tries queries and saves again after a passing fault (a restarted server's dead connections, a deadlock) where that cannot do anything
/// twice. Inside of a transaction of the caller's nothing is tried again: the caller repeats the whole of it, or fails.
/// </summary>
internal sealed class SafeRetries(ExecutionStrategyDependencies dependencies)
    : ExecutionStrategy(dependencies, RetriesMax, TimeSpan.FromMilliseconds(500))
{
    /// <summary>More than a pool has connections: after a server's restart each of them may be dead.</summary>
    private const int RetriesMax = CloudDatabase.PoolSizeMax + 1;

    protected override void OnFirstExecution()
    {
        // Not the base's check, which forbids transactions of the caller's altogether.
        ExceptionsEncountered.Clear();
        FaultLedger.Begin(Dependencies.CurrentContext.Context);
    }

    protected override bool ShouldRetryOn(Exception exception) =>
        exception is NpgsqlException { IsTransient: true }
        && Dependencies.CurrentContext.Context.Database.CurrentTransaction is null
        && !FaultLedger.IsFinal(Dependencies.CurrentContext.Context);

    protected override TimeSpan? GetNextDelay(Exception lastException)
    {
        // A dead connection is answered by the next one at once; what conflicts with others waits a little longer each time.
        var tries = ExceptionsEncountered.Count;
        return tries > RetriesMax
            ? null
            : lastException is PostgresException ? TimeSpan.FromMilliseconds(Math.Min(20 << Math.Min(tries, 5), 500)) : TimeSpan.Zero;
    }
}
