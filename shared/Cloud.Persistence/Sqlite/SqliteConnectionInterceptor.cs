using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Cloud.Persistence.Sqlite;

/// <summary>
/// Sets what SQLite keeps per connection. <c>synchronous=FULL</c>: a commit that was acknowledged outlives a loss of power; WAL's default
/// would lose it. <c>busy_timeout</c> serves against writers of other processes; those of this one queue at the gate.
/// </summary>
internal sealed class SqliteConnectionInterceptor : DbConnectionInterceptor
{
    private const string Settings = "PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000; PRAGMA foreign_keys=ON;";
    private const string WriterSettings = "PRAGMA journal_mode=WAL; " + Settings;

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
    {
        using var command = Command(connection);
        command.ExecuteNonQuery();
    }

    public override async Task ConnectionOpenedAsync(
        DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        await using var command = Command(connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static DbCommand Command(DbConnection connection)
    {
        var command = connection.CreateCommand();
        // Migrations look whether the database exists by a connection that may not write: it cannot choose the journal.
        command.CommandText = connection.ConnectionString.Contains("Mode=ReadOnly", StringComparison.Ordinal) ? Settings : WriterSettings;
        return command;
    }
}
