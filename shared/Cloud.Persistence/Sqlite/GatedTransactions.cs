using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Cloud.Persistence.Sqlite;

/// <summary>Begins each transaction of a context in its turn at the writer gate. The turn ends with the transaction.</summary>
internal sealed class GatedTransactions(WriterGate gate) : DbTransactionInterceptor
{
    public override InterceptionResult<DbTransaction> TransactionStarting(
        DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result)
    {
        gate.Enter();
        return Begin(connection, eventData);
    }

    public override async ValueTask<InterceptionResult<DbTransaction>> TransactionStartingAsync(
        DbConnection connection,
        TransactionStartingEventData eventData,
        InterceptionResult<DbTransaction> result,
        CancellationToken cancellationToken = default)
    {
        await gate.EnterAsync(cancellationToken);
        return Begin(connection, eventData);
    }

    /// <summary>
    /// Begun here and not by the framework, because nobody is told of a beginning that fails, and the turn must end then too.
    /// </summary>
    private InterceptionResult<DbTransaction> Begin(DbConnection connection, TransactionStartingEventData eventData)
    {
        try
        {
            // SQLite's provider begins it IMMEDIATE: the lock is taken now, not at the first write, where it could no longer be waited for.
            return InterceptionResult<DbTransaction>.SuppressWithResult(connection.BeginTransaction(eventData.IsolationLevel));
        }
        catch
        {
            gate.Leave();
            throw;
        }
    }
}
