using Cloud.Testing.Servers;

[assembly: AssemblyFixture(typeof(Cloud.BlockStorage.Tests.Kit.BlockStorages))]

namespace Cloud.BlockStorage.Tests.Kit;

/// <summary>One service on SQLite and one on PostgreSQL for all tests; each test has a project of its own.</summary>
public sealed class BlockStorages : IAsyncLifetime
{
    private readonly List<string> _folders = [];
    private readonly PrivatePostgres _postgres = new();

    public BlockStorageUnderTest OnSqlite { get; private set; } = null!;

    public BlockStorageUnderTest OnPostgres { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await _postgres.StartAsync();
        OnSqlite = await BlockStorageUnderTest.StartAsync(NewFolder());
        OnPostgres = await BlockStorageUnderTest.StartAsync(NewFolder(), _postgres.ConnectionString);
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

    private string NewFolder()
    {
        var folder = Directory.CreateTempSubdirectory("cloud-volumes-").FullName;
        _folders.Add(folder);
        return folder;
    }
}
