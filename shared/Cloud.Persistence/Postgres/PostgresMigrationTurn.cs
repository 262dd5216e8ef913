using Microsoft.Extensions.Logging;
using Npgsql;

namespace Cloud.Persistence.Postgres;

/// <summary>
/// The right to change a database's schema: an advisory lock of the server's, which ends with the connection, however that ends.
/// </summary>
internal sealed partial class PostgresMigrationTurn(NpgsqlConnection connection) : IAsyncDisposable
{
    /// <summary>How long a service waits at its start for a server that does not answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Any number that nothing else in the cloud locks: "migrate" in ASCII.</summary>
    private const long LockKey = 0x6d696772617465;

    public static async Task<IAsyncDisposable> TakeAsync(CloudDatabase database, TimeProvider time, ILogger log, CancellationToken ct)
    {
        var server = new NpgsqlConnectionStringBuilder(database.Postgres) { Database = "postgres", Pooling = false };
        await using (var maintenance = await ConnectAsync(server.ToString(), time, log, ct))
        {
            await CreateAsync(maintenance, database.Name, ct);
        }

        var connection = await ConnectAsync(
            new NpgsqlConnectionStringBuilder(database.Postgres) { Pooling = false }.ToString(), time, log, ct);
        await using var command = new NpgsqlCommand("SELECT pg_advisory_lock($1)", connection)
        {
            Parameters = { new() { Value = LockKey } },
        };
        command.CommandTimeout = (int)Patience.TotalSeconds;
        await command.ExecuteNonQueryAsync(ct);
        return new PostgresMigrationTurn(connection);
    }

    public ValueTask DisposeAsync() => connection.DisposeAsync();

    private static async Task CreateAsync(NpgsqlConnection maintenance, string name, CancellationToken ct)
    {
        await using var exists = new NpgsqlCommand("SELECT 1 FROM pg_database WHERE datname = $1", maintenance)
        {
            Parameters = { new() { Value = name } },
        };
        if (await exists.ExecuteScalarAsync(ct) is not null)
        {
            return;
        }

        try
        {
            var quoted = name.Replace("\"", "\"\"", StringComparison.Ordinal);
            await using var create = new NpgsqlCommand($"CREATE DATABASE \"{quoted}\"", maintenance);
            await create.ExecuteNonQueryAsync(ct);
        }
        catch (PostgresException made) when (made.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
        {
            // Another replica was faster.
        }
    }

    private static async Task<NpgsqlConnection> ConnectAsync(string connectionString, TimeProvider time, ILogger log, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var connection = new NpgsqlConnection(connectionString);
            try
            {
                await connection.OpenAsync(ct);
                return connection;
            }
            catch (NpgsqlException fault) when (fault.IsTransient && time.GetElapsedTime(start) < Patience)
            {
                await connection.DisposeAsync();
                LogWaiting(log, connection.DataSource ?? "", fault.Message);
                await Task.Delay(Pause, time, ct);
            }
        }
    }

    [LoggerMessage(EventId = 110, Level = LogLevel.Warning, Message = "Waiting for the PostgreSQL server {Server}: {Reason}")]
    private static partial void LogWaiting(ILogger log, string server, string reason);
}
