using Cloud.Identity.Tests.Kit;
using Cloud.Testing.Servers;
using Npgsql;

[assembly: AssemblyFixture(typeof(Databases))]

namespace Cloud.Identity.Tests.Kit;

/// <summary>
/// One identity service on SQLite and one on PostgreSQL for all tests that do not harm them; and the server for others of their own.
/// </summary>
public sealed class Databases : IAsyncLifetime
{
    private readonly List<string> _folders = [];

    /// <summary>
    /// The collection of the tests that start services of their own: one at a time, as a server has one database of the service's name.
    /// </summary>
    public const string OneAtATime = "services of their own";

    private readonly PrivatePostgres _spare = new();

    public PrivatePostgres Postgres { get; } = new();

    public IdentityUnderTest OnSqlite { get; private set; } = null!;

    public IdentityUnderTest OnPostgres { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await Task.WhenAll(Postgres.StartAsync(), _spare.StartAsync());
        OnSqlite = await IdentityUnderTest.StartAsync(NewFolder());
        OnPostgres = await IdentityUnderTest.StartAsync(NewFolder(), Postgres.ConnectionString);
    }

    /// <summary>A server without this service's database; for tests of the collection <see cref="OneAtATime"/>.</summary>
    public async Task<string> EmptyServerAsync()
    {
        await using var connection = new NpgsqlConnection($"{_spare.ConnectionString};Database=postgres;Pooling=false");
        await connection.OpenAsync();
        await using var drop = connection.CreateCommand();
        drop.CommandText = $"DROP DATABASE IF EXISTS {IdentitySetup.Name} WITH (FORCE)";
        await drop.ExecuteNonQueryAsync();
        NpgsqlConnection.ClearAllPools();
        return _spare.ConnectionString;
    }

    /// <summary>Removed at the end of the run.</summary>
    public string NewFolder()
    {
        var folder = Directory.CreateTempSubdirectory("cloud-identity-").FullName;
        lock (_folders)
        {
            _folders.Add(folder);
        }

        return folder;
    }

    public async ValueTask DisposeAsync()
    {
        await OnSqlite.DisposeAsync();
        await OnPostgres.DisposeAsync();
        await Postgres.DisposeAsync();
        await _spare.DisposeAsync();
        foreach (var folder in _folders)
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
