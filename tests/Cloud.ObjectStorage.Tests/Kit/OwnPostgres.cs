using Cloud.Testing.Servers;
using Npgsql;

namespace Cloud.ObjectStorage.Tests.Kit;

/// <summary>A PostgreSQL for services of a test's own, one after the other: each finds it empty.</summary>
public sealed class OwnPostgres : IAsyncLifetime
{
    private readonly PrivatePostgres _server = new();

    public async ValueTask InitializeAsync() => await _server.StartAsync();

    /// <returns>The connection string, once what the test before left is gone.</returns>
    public async Task<string> EmptyAsync()
    {
        await using var connection = new NpgsqlConnection($"{_server.ConnectionString};Database=postgres;Pooling=false");
        await connection.OpenAsync();
        await using var drop = new NpgsqlCommand("""DROP DATABASE IF EXISTS "object-storage" WITH (FORCE)""", connection);
        await drop.ExecuteNonQueryAsync();

        // Connections that were kept are to what is gone.
        NpgsqlConnection.ClearAllPools();
        return _server.ConnectionString;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}

/// <summary>The suites that use it, one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class OnOwnPostgres : ICollectionFixture<OwnPostgres>
{
    public const string Name = "own-postgres";
}
