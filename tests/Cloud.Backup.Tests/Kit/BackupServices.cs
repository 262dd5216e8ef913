using Cloud.Testing.Servers;

[assembly: AssemblyFixture(typeof(Cloud.Backup.Tests.Kit.BackupServices))]

namespace Cloud.Backup.Tests.Kit;

/// <summary>One service on SQLite and one on PostgreSQL for all tests; each test has a project of its own.</summary>
public sealed class BackupServices : IAsyncLifetime
{
    private readonly List<string> _folders = [];
    private readonly PrivatePostgres _postgres = new();

    public BackupsUnderTest OnSqlite { get; private set; } = null!;

    public BackupsUnderTest OnPostgres { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await _postgres.StartAsync();
        OnSqlite = await BackupsUnderTest.StartAsync(NewFolder());
        OnPostgres = await BackupsUnderTest.StartAsync(NewFolder(), _postgres.ConnectionString);
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
        var folder = Directory.CreateTempSubdirectory("cloud-backups-").FullName;
        _folders.Add(folder);
        return folder;
    }
}
