using Cloud.Testing.Servers;

[assembly: AssemblyFixture(typeof(Cloud.ObjectStorage.Tests.Kit.Storages))]

namespace Cloud.ObjectStorage.Tests.Kit;

/// <summary>One service on SQLite and one on PostgreSQL for all tests that do not harm them.</summary>
public sealed class Storages : IAsyncLifetime
{
    private readonly List<string> _folders = [];
    private readonly PrivatePostgres _postgres = new();

    public ObjectStorageUnderTest OnSqlite { get; private set; } = null!;

    public ObjectStorageUnderTest OnPostgres { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await _postgres.StartAsync();
        OnSqlite = await ObjectStorageUnderTest.StartAsync(NewFolder());
        OnPostgres = await ObjectStorageUnderTest.StartAsync(NewFolder(), _postgres.ConnectionString);
    }

    /// <summary>Removed at the end of the run.</summary>
    public string NewFolder()
    {
        var folder = Directory.CreateTempSubdirectory("cloud-objects-").FullName;
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
        await _postgres.DisposeAsync();
        foreach (var folder in _folders)
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
