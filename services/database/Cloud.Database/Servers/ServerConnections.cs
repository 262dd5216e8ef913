using Cloud.Database.Databases;
using Cloud.Database.Secrets;
using Cloud.Primitives;
using Npgsql;

namespace Cloud.Database.Servers;

/// <summary>Connections of the service's own superuser to a database's server.</summary>
internal sealed class ServerConnections(PasswordBox passwords, ServerCertificates certificates, DatabaseOptions options)
{
    private const int TimeoutSeconds = 10;
    private const int ReplicationBufferBytes = 1 << 17;

    // Passwords stand in statements that the service sends: they reach neither the server's log nor its statistics. And what users set for
    // their sessions is not for the service's.
    private const string Options = "-c log_statement=none -c log_min_duration_statement=-1 -c log_min_error_statement=panic"
        + " -c log_duration=off -c pg_stat_statements.track=none -c default_transaction_read_only=off -c statement_timeout=0"
        + " -c lock_timeout=0 -c idle_session_timeout=0 -c search_path=pg_catalog";

    public string AdminPassword(ManagedDatabase database) => passwords.Open(database.AdminSecret, database.Id);

    public async Task<NpgsqlConnection> OpenAsync(ManagedDatabase database, CancellationToken ct, string? password = null)
    {
        var text = Text(database, password ?? AdminPassword(database));
        text.Options = Options;
        var connection = new NpgsqlConnection(text.ConnectionString);
        try
        {
            await connection.OpenAsync(ct);

            // Where a port was taken before the server of it came up, somebody else's answers there.
            var folder = ServerFolder.Of(options, database).Data;
            return await connection.ScalarAsync<string>("SHOW data_directory", ct) == folder
                ? connection
                : throw new CloudException(ErrorKind.Unavailable, "port-taken", $"Another server has port {database.Port}.");
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>For the stream of the log.</summary>
    public string ReplicationText(ManagedDatabase database)
    {
        var text = Text(database, AdminPassword(database));
        text.ReadBufferSize = ReplicationBufferBytes;
        return text.ConnectionString;
    }

    private NpgsqlConnectionStringBuilder Text(ManagedDatabase database, string password) => new()
    {
        Host = "127.0.0.1",
        Port = database.Port,
        Username = ServerSettings.Admin,
        Password = password,
        Database = "postgres",
        Pooling = false,
        Timeout = TimeoutSeconds,
        CommandTimeout = TimeoutSeconds * 6,
        SslMode = SslMode.VerifyFull,
        RootCertificate = certificates.AuthorityPath,
        ApplicationName = "cloud",
    };
}

/// <summary>SQL in short.</summary>
internal static class ServerSql
{
    public static async Task<T?> ScalarAsync<T>(this NpgsqlConnection connection, string sql, CancellationToken ct, params object[] values)
    {
        await using var command = connection.CommandOf(sql, values);
        return await command.ExecuteScalarAsync(ct) is T found ? found : default;
    }

    public static async Task ExecuteAsync(this NpgsqlConnection connection, string sql, CancellationToken ct, params object[] values)
    {
        await using var command = connection.CommandOf(sql, values);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>A statement that takes no parameters (DDL), with the values quoted into it by the server itself.</summary>
    /// <param name="format">For PostgreSQL's <c>format()</c>: <c>%I</c> is a name, <c>%L</c> a text.</param>
    public static async Task ExecuteFormattedAsync(
        this NpgsqlConnection connection, string format, CancellationToken ct, params string[] values)
    {
        await using var quote = connection.CreateCommand();
        quote.CommandText = "SELECT format($1, VARIADIC $2)";
        quote.Parameters.AddWithValue(format);
        quote.Parameters.AddWithValue(values);
        var statement = (string)(await quote.ExecuteScalarAsync(ct))!;
        await connection.ExecuteAsync(statement, ct);
    }

    public static async Task<List<T>> ListAsync<T>(
        this NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken ct, params object[] values)
    {
        await using var command = connection.CommandOf(sql, values);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<T>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    private static NpgsqlCommand CommandOf(this NpgsqlConnection connection, string sql, object[] values)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var value in values)
        {
            command.Parameters.AddWithValue(value);
        }

        return command;
    }
}
