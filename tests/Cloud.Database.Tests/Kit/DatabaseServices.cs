using Cloud.Database.Servers;
using Cloud.Testing.Servers;

[assembly: AssemblyFixture(typeof(Cloud.Database.Tests.Kit.DatabaseServices))]

namespace Cloud.Database.Tests.Kit;

/// <summary>One service on SQLite and one on PostgreSQL for all tests; each test has a project of its own.</summary>
public sealed class DatabaseServices : IAsyncLifetime
{
    private readonly List<string> _folders = [];
    private readonly PrivatePostgres _postgres = new();

    public DatabaseUnderTest OnSqlite { get; private set; } = null!;

    public DatabaseUnderTest OnPostgres { get; private set; } = null!;

    /// <summary>Servers in containers; where none can be made, as processes.</summary>
    public DatabaseUnderTest InContainers { get; private set; } = null!;

    internal RuncInstances Containers { get; private set; } = null!;

    internal LoopVolumes Volumes { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await _postgres.StartAsync();
        OnSqlite = await DatabaseUnderTest.StartAsync(NewFolder());
        OnPostgres = await DatabaseUnderTest.StartAsync(NewFolder(), _postgres.ConnectionString);
        Volumes = new LoopVolumes(NewFolder());
        Containers = new RuncInstances(NewFolder(), Volumes);
        InContainers = await DatabaseUnderTest.StartAsync(NewFolder(), instances: Containers, volumes: Volumes);
    }

    public async ValueTask DisposeAsync()
    {
        await OnSqlite.DisposeAsync();
        await OnPostgres.DisposeAsync();
        await InContainers.DisposeAsync();
        await Containers.DisposeAsync();
        await Volumes.DisposeAsync();
        await _postgres.DisposeAsync();
        foreach (var folder in _folders)
        {
            await EndServersAsync(folder);
            Directory.Delete(folder, recursive: true);
        }
    }

    public string NewFolder()
    {
        var folder = Directory.CreateTempSubdirectory("cloud-databases-").FullName;

        // The servers' users pass through it.
        File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.OtherExecute | UnixFileMode.GroupExecute);
        _folders.Add(folder);
        return folder;
    }

    /// <summary>Servers outlive their service: those that tests have left are ended.</summary>
    private static async Task EndServersAsync(string data)
    {
        var databases = new DirectoryInfo(Path.Combine(data, "databases"));
        foreach (var generation in databases.Exists ? databases.GetDirectories().SelectMany(one => one.GetDirectories()) : [])
        {
            await ServerProcesses.StopAsync(new ServerFolder(generation.FullName), CancellationToken.None);
        }
    }
}
