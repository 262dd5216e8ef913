using System.Collections.Concurrent;
using Cloud.Database.Databases;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.ObjectStorage.Contracts;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Archive;

/// <summary>The archivers of all servers that run.</summary>
internal sealed class LogArchivers(
    IDbContextFactory<DatabaseDbContext> databases, IPrivateObjects objects, ServerConnections connections, DatabaseOptions options,
    ILogger<LogArchivers> log) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<DatabaseId, LogArchiver> _running = new();

    /// <summary>The archiver of a database's present generation; null where there is none.</summary>
    public LogArchiver? Find(ManagedDatabase database) =>
        _running.TryGetValue(database.Id, out var archiver) && archiver.Generation == database.Generation ? archiver : null;

    /// <summary>Has a server's log archived from now on. Called in the turn of the database.</summary>
    public async Task<LogArchiver> StartAsync(ManagedDatabase database)
    {
        if (Find(database) is { } running)
        {
            return running;
        }

        await StopAsync(database.Id);
        return _running[database.Id] = new LogArchiver(database, databases, objects, connections, options.ArchiveInterval, log);
    }

    public async Task StopAsync(DatabaseId database)
    {
        if (_running.TryRemove(database, out var archiver))
        {
            await archiver.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _running.Keys)
        {
            await StopAsync(database);
        }
    }
}
