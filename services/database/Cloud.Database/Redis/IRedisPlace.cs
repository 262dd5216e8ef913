using Cloud.Database.Databases;
using Cloud.Database.Servers;

namespace Cloud.Database.Redis;

/// <summary>
/// What Redis servers do in their own way where they live: as processes of this machine (<see cref="RedisProcesses"/>), or in containers
/// (<see cref="RedisContainers"/>).
/// </summary>
internal interface IRedisPlace
{
    /// <summary>Makes an empty server; kept where it is there.</summary>
    Task MakeAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>
    /// Has a generation hold what it is filled with, whole and durable or not at all; kept where it is there. Its own users are those of
    /// the database, and all others those that came with it.
    /// </summary>
    Task FillAsync(ManagedDatabase database, int generation, Func<IServerFiles, Task> fill, CancellationToken ct);

    /// <summary>Starts a server that does not run.</summary>
    /// <returns>False where it has ended instead: its log says why.</returns>
    Task<bool> StartAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Stops a server; all that it acknowledged is in the archive then.</summary>
    Task StopAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Writes the settings that the server starts with.</summary>
    /// <returns>Whether it has another certificate now.</returns>
    Task<bool> WriteSettingsAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Stores what a server that runs has acknowledged, unless that was done just now.</summary>
    /// <returns>The time up to which everything is stored.</returns>
    Task<DateTimeOffset> ArchiveAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Stores all that a server that runs has acknowledged.</summary>
    Task StoreAllAsync(ManagedDatabase database, RedisConnection admin, CancellationToken ct);

    /// <summary>The log of a server that runs.</summary>
    IRedisLog LogOf(ManagedDatabase database, RedisConnection admin);

    /// <summary>The log's files, between two rewrites, and the users: a tar of what another server can be made of.</summary>
    Task<Stream> OpenCopyAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Has Redis's own program check the log.</summary>
    /// <returns>Null where all is well; else what is not.</returns>
    Task<string?> CheckAsync(ManagedDatabase database, CancellationToken ct);
}
