using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Cloud.Persistence.Sqlite;

/// <summary>Runs each change outside of a transaction (<c>ExecuteUpdate</c>, raw SQL) in a turn of its own at the writer gate.</summary>
internal sealed class GatedCommands(WriterGate gate) : DbCommandInterceptor
{
    public override InterceptionResult<int> NonQueryExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<int> result)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (command.Transaction is not null || result.HasResult)
        {
            return result;
        }

        gate.Enter();
        try
        {
            return InterceptionResult<int>.SuppressWithResult(command.ExecuteNonQuery());
        }
        finally
        {
            gate.Leave();
        }
    }

    public override async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (command.Transaction is not null || result.HasResult)
        {
            return result;
        }

        await gate.EnterAsync(cancellationToken);
        try
        {
            return InterceptionResult<int>.SuppressWithResult(await command.ExecuteNonQueryAsync(cancellationToken));
        }
        finally
        {
            gate.Leave();
        }
    }
}
