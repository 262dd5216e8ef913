using Cloud.Database.Databases;
using Cloud.Database.Servers;
using Cloud.Primitives;

namespace Cloud.Database.Redis;

/// <summary>Redis servers in containers: their files are reached by programs that run there.</summary>
internal sealed partial class RedisContainers(
    ServerPlaces places, RedisConnections connections, RedisArchive archive, DatabaseOptions options, TimeProvider time,
    ILogger<RedisContainers> logger) : IRedisPlace
{
    /// <summary>Two look after each server, every two seconds: one of them asks it.</summary>
    private static readonly TimeSpan JustNow = TimeSpan.FromSeconds(1.5);

    private ServerContainers Containers => places.RequireContainers();

    public Task MakeAsync(ManagedDatabase database, CancellationToken ct) => Containers.MakeAsync(database, ct);

    public Task FillAsync(ManagedDatabase database, int generation, Func<IServerFiles, Task> fill, CancellationToken ct) =>
        Containers.FillAsync(database, generation, time: null, fill, ct);

    public Task<bool> StartAsync(ManagedDatabase database, CancellationToken ct) => Containers.StartAsync(database, ct);

    public async Task StopAsync(ManagedDatabase database, CancellationToken ct)
    {
        // A server that does not end by itself is killed, and what it writes last may be half a command.
        await TryStoreAsync(database, ct);
        await Containers.StopAsync(
            database,
            async (isWhole, stopped) =>
            {
                if (!isWhole)
                {
                    // The end of the log stays on its volume, and is stored when it runs again.
                    LogNotWhole(logger, database.Id);
                    return;
                }

                var now = time.GetUtcNow();
                await archive.StoreAsync(database, new ContainerLog(Containers, database, admin: null), stopped);
                await archive.SaveTimeAsync(database, now, stopped);
            },
            ct);
    }

    public async Task<bool> WriteSettingsAsync(ManagedDatabase database, CancellationToken ct)
    {
        await Containers.WriteSettingsAsync(database, ct);
        return true;
    }

    public async Task<DateTimeOffset> ArchiveAsync(ManagedDatabase database, CancellationToken ct)
    {
        if (archive.StoredAt(database) is { } at && time.GetUtcNow() - at < JustNow)
        {
            return at;
        }

        await using var admin = await connections.OpenAsync(database, ct);
        return await archive.StoreNewsAsync(database, LogOf(database, admin), admin, ct);
    }

    public Task StoreAllAsync(ManagedDatabase database, RedisConnection admin, CancellationToken ct) =>
        archive.StoreNewsAsync(database, LogOf(database, admin), admin, ct);

    public IRedisLog LogOf(ManagedDatabase database, RedisConnection admin) => new ContainerLog(Containers, database, admin);

    public async Task<Stream> OpenCopyAsync(ManagedDatabase database, CancellationToken ct)
    {
        var file = ScratchFile.Create(options);
        try
        {
            using var hold = await archive.HoldAsync(database, ct);
            ServerContainers.RequireDone(
                await Containers.RunFilesAsync(database, ["copy"], null, (tar, read) => tar.CopyToAsync(file, read), ct));
            file.Position = 0;
            return file;
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    public async Task<string?> CheckAsync(ManagedDatabase database, CancellationToken ct)
    {
        using var hold = await archive.HoldAsync(database, ct);
        var end = await Containers.RunFilesAsync(database, ["check"], null, null, ct);
        return end.ExitCode == 0 ? null : $"redis-check-aof: {end.ErrorTail.Trim()}";
    }

    private async Task TryStoreAsync(ManagedDatabase database, CancellationToken ct)
    {
        try
        {
            await using var admin = await connections.OpenAsync(database, ct);
            await StoreAllAsync(database, admin, ct);
        }
        catch (Exception away) when (away is RedisException or IOException or CloudException { Kind: ErrorKind.Unavailable })
        {
            LogNotStored(logger, database.Id, away.Message);
        }
    }

    [LoggerMessage(9013, LogLevel.Information, "The log of {Database} is not stored before its server stops: {Reason}")]
    private static partial void LogNotStored(ILogger logger, DatabaseId database, string reason);

    [LoggerMessage(9014, LogLevel.Warning, "The server of {Database} was killed as it did not stop, and the end of its log is not stored")]
    private static partial void LogNotWhole(ILogger logger, DatabaseId database);
}
