using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Storage;

namespace Cloud.Persistence.Sqlite;

/// <summary>Makes transactions that give their turn at the writer gate back when they end, however they end.</summary>
/// <remarks>
/// One instance serves all contexts of the process: the gate is found by the database's file, not by the options of any of them.
/// </remarks>
internal sealed class GatedTransactionFactory(
    RelationalTransactionFactoryDependencies dependencies) : RelationalTransactionFactory(dependencies)
{
    public override RelationalTransaction Create(
        IRelationalConnection connection,
        DbTransaction transaction,
        Guid transactionId,
        IDiagnosticsLogger<DbLoggerCategory.Database.Transaction> logger,
        bool transactionOwned)
    {
        var gate = WriterGate.Of(connection.DbConnection.DataSource);
        return new GatedTransaction(
            gate, connection, transaction, transactionId, logger, transactionOwned, Dependencies.SqlGenerationHelper);
    }
}

internal sealed class GatedTransaction(
    WriterGate gate,
    IRelationalConnection connection,
    DbTransaction transaction,
    Guid transactionId,
    IDiagnosticsLogger<DbLoggerCategory.Database.Transaction> logger,
    bool transactionOwned,
    ISqlGenerationHelper sqlGenerationHelper)
    : RelationalTransaction(connection, transaction, transactionId, logger, transactionOwned, sqlGenerationHelper)
{
    // A transaction that somebody else began did not pass the gate.
    private bool _hasTurn = transactionOwned;

    public override void Dispose()
    {
        try
        {
            base.Dispose();
        }
        finally
        {
            Leave();
        }
    }

    public override async ValueTask DisposeAsync()
    {
        try
        {
            await base.DisposeAsync();
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Reached when a commit or rollback has been carried out: others need not wait until the transaction is disposed.</summary>
    protected override void ClearTransaction()
    {
        base.ClearTransaction();
        Leave();
    }

    protected override async Task ClearTransactionAsync(CancellationToken cancellationToken = default)
    {
        await base.ClearTransactionAsync(cancellationToken);
        Leave();
    }

    private void Leave()
    {
        if (_hasTurn)
        {
            _hasTurn = false;
            gate.Leave();
        }
    }
}
