using Cloud.Database.Archive;
using Cloud.Database.Contracts;
using Cloud.Database.Databases;
using Cloud.Database.Insight;
using Cloud.Primitives;

namespace Cloud.Database.Engines;

/// <summary>
/// What a kind of server does in its own way. All that fills folders, starts and stops is called in the turn of the database, and can be
/// called twice with the outcome of once.
/// </summary>
internal interface IServerEngine
{
    /// <summary>As the API says it.</summary>
    string Version { get; }

    /// <summary>Makes an empty server.</summary>
    Task MakeAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Has the database hold what another holds now, which runs.</summary>
    Task CopyAsync(ManagedDatabase source, ManagedDatabase database, CancellationToken ct);

    /// <summary>Fills a generation of the database with what an archive holds.</summary>
    /// <param name="source">Whose archive.</param>
    /// <param name="time">A time of the recovery window; null for all there is.</param>
    Task RestoreAsync(ManagedDatabase database, int generation, DatabaseId source, DateTimeOffset? time, CancellationToken ct);

    /// <summary>Fills a generation of the database with what was handed over.</summary>
    /// <param name="time">Every write up to then, and none after; null for all there is.</param>
    Task LayOutAsync(ManagedDatabase database, int generation, string staged, DateTimeOffset? time, CancellationToken ct);

    /// <summary>Starts a server and waits until it takes connections.</summary>
    Task StartAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Stops a server; all that it acknowledged is in the archive then, where it was being archived.</summary>
    Task StopAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Gives a server that runs the passwords of this database and what every server has.</summary>
    /// <param name="source">The database that it was made of; null for none.</param>
    Task MakeOwnerAsync(ManagedDatabase database, ManagedDatabase? source, CancellationToken ct);

    /// <summary>Has what a server that runs writes archived from now on.</summary>
    Task ArchiveAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>When this returns the server can be brought back to this moment.</summary>
    Task TakeBaseBackupAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Says how far a server that runs is archived, and takes a base backup where it is time for one.</summary>
    /// <param name="newest">The newest base backup of its generation; null for none.</param>
    Task KeepArchiveAsync(ManagedDatabase database, BaseBackup? newest, CancellationToken ct);

    /// <summary>Stores all that a server has acknowledged until now.</summary>
    /// <param name="restores">A restore to a time before is what comes next.</param>
    /// <returns>The time up to which everything is stored; null where the server does not answer.</returns>
    Task<DateTimeOffset?> StoreAllAsync(ManagedDatabase database, bool restores, CancellationToken ct);

    /// <summary>Of the names of a log's objects, in their order, the first that is needed with a base backup.</summary>
    string FirstLogName(BaseBackup backup);

    /// <summary>Has a server that runs take the settings that need no restart.</summary>
    Task ApplySettingsAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Ends what users' sessions have begun.</summary>
    Task EndSessionsAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>What a server can be made of elsewhere; all that was acknowledged until now is in it.</summary>
    Task<DatabaseArchiveState> DescribeArchiveAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>The files of a base backup, as a tar.</summary>
    Task<Stream> OpenBaseAsync(ManagedDatabase database, string backup, CancellationToken ct);

    /// <summary>Has the server's own programs check what it holds.</summary>
    /// <returns>Null where all is well; else what is not.</returns>
    Task<string?> CheckAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Checks users' settings by the server itself.</summary>
    /// <exception cref="CloudException">Names each one that does not exist, is not the user's, or has a wrong value.</exception>
    Task CheckParametersAsync(IReadOnlyDictionary<string, string>? parameters, DatabaseType type, CancellationToken ct);

    /// <summary>Whether the server takes a change of any of them only at its next start.</summary>
    Task<bool> NeedsRestartAsync(IEnumerable<string> names, CancellationToken ct);

    /// <summary>The users, without the service's own.</summary>
    Task<IReadOnlyList<string>> ListUsersAsync(ManagedDatabase database, CancellationToken ct);

    /// <exception cref="CloudException">There is one of this name.</exception>
    Task CreateUserAsync(ManagedDatabase database, string name, string password, CancellationToken ct);

    /// <summary>Done also where there is none.</summary>
    Task DeleteUserAsync(ManagedDatabase database, string name, CancellationToken ct);

    /// <exception cref="CloudException">There is no such user.</exception>
    Task RequireUserAsync(ManagedDatabase database, string name, CancellationToken ct);

    Task SetPasswordAsync(ManagedDatabase database, string name, string password, CancellationToken ct);

    /// <param name="usedBytes">What its files take.</param>
    Task<DatabaseMetricsView> ReadMetricsAsync(ManagedDatabase database, long usedBytes, CancellationToken ct);

    /// <summary>What took longest, the longest first.</summary>
    Task<IReadOnlyList<SlowQueryView>> ListSlowestAsync(ManagedDatabase database, int count, CancellationToken ct);
}

/// <summary>The engines by their names.</summary>
internal sealed class ServerEngines(PostgresEngine postgres, Redis.RedisEngine redis)
{
    public IServerEngine Of(DatabaseEngine engine) => engine == DatabaseEngine.Redis ? redis : postgres;

    public IServerEngine Of(ManagedDatabase database) => Of(database.Engine);
}
