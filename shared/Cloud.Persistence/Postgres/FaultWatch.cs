using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace Cloud.Persistence.Postgres;

/// <summary>Marks commits that failed: whether they took effect is not known, unless the server itself said that it rolled back.</summary>
internal sealed class FailedCommits : DbTransactionInterceptor
{
    public override void TransactionFailed(DbTransaction transaction, TransactionErrorEventData eventData) => Mark(eventData);

    public override Task TransactionFailedAsync(
        DbTransaction transaction, TransactionErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Mark(eventData);
        return Task.CompletedTask;
    }

    private static void Mark(TransactionErrorEventData failure)
    {
        if (failure.Exception
            is not PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected })
        {
            FaultLedger.MarkFinal(failure.Context);
        }
    }
}

/// <summary>Marks changes outside of a transaction that failed: they commit themselves, so whether they took effect is not known.</summary>
internal sealed class FailedChanges : DbCommandInterceptor
{
    public override void CommandFailed(DbCommand command, CommandErrorEventData eventData) => Mark(command, eventData);

    public override Task CommandFailedAsync(
        DbCommand command, CommandErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Mark(command, eventData);
        return Task.CompletedTask;
    }

    private static void Mark(DbCommand command, CommandErrorEventData failure)
    {
        if (command.Transaction is null && failure.CommandSource is not CommandSource.LinqQuery)
        {
            FaultLedger.MarkFinal(failure.Context);
        }
    }
}
