using Npgsql;

namespace Cloud.Testing.Servers;

/// <summary>A PostgreSQL server of the test's own.</summary>
public sealed class PrivatePostgres() : PrivateServer("postgres", "INT")
{
    /// <summary>As <c>Cloud:Postgres</c> wants it: without a database.</summary>
    public string ConnectionString => $"Host=127.0.0.1;Port={Port};Username=cloud;Password={Password}";

    public static async Task<PrivatePostgres> StartNewAsync()
    {
        var server = new PrivatePostgres();
        await server.StartAsync();
        return server;
    }

    protected override async Task<bool> AnswersAsync()
    {
        try
        {
            await using var connection = new NpgsqlConnection($"{ConnectionString};Database=postgres;Pooling=false");
            await connection.OpenAsync();
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    // A test's machine loses no power; what is lost by a kill does not depend on it.
    protected override IEnumerable<KeyValuePair<string, string>> Environment() => [new("CLOUD_INITDB_OPTIONS", "--no-sync")];
}
