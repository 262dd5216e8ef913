using System.Globalization;
using Cloud.Database.Archive;
using Cloud.Database.Contracts;
using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Insight;
using Cloud.Database.Secrets;
using Cloud.Database.Servers;
using Cloud.Primitives;

namespace Cloud.Database.Redis;

/// <summary>Redis: a write is acknowledged when it is on the disk (<c>appendfsync always</c>), and archived within seconds.</summary>
internal sealed partial class RedisEngine(
    ServerPlaces places, RedisProcesses processes, RedisContainers containers, RedisConnections connections, PasswordBox passwords,
    RedisParameters parameters, RedisArchive archive, DatabaseArchive staged, TimeProvider time, ILogger<RedisEngine> log) : IServerEngine
{
    private const int LogLines = 100;

    /// <summary>More than a start takes until the server has written its process file.</summary>
    private static readonly TimeSpan GoneLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    public string Version => DatabaseView.VersionOf(DatabaseEngine.Redis);

    public Task MakeAsync(ManagedDatabase database, CancellationToken ct) => PlaceOf(database).MakeAsync(database, ct);

    public async Task CopyAsync(ManagedDatabase source, ManagedDatabase database, CancellationToken ct)
    {
        if ((source.Placement, database.Placement) == (DatabasePlacement.Process, DatabasePlacement.Process))
        {
            await processes.CopyAsync(source, database, ct);
            return;
        }

        // All that it has lies on the one volume.
        if (source.Placement == database.Placement
            && await places.RequireContainers().CopyAsync(source, database, (_, _) => Task.CompletedTask, ct))
        {
            return;
        }

        await PlaceOf(database).FillAsync(
            database, database.Generation,
            async files =>
            {
                await using var tar = await PlaceOf(source).OpenCopyAsync(source, ct);
                await files.UnpackAsync("data", tar, ct);
            },
            ct);
    }

    public Task RestoreAsync(
        ManagedDatabase database, int generation, DatabaseId source, DateTimeOffset? time, CancellationToken ct) =>
        PlaceOf(database).FillAsync(database, generation, files => archive.UnpackAsync(source, time, files, ct), ct);

    public Task LayOutAsync(ManagedDatabase database, int generation, string key, DateTimeOffset? time, CancellationToken ct) =>
        PlaceOf(database).FillAsync(database, generation, files => staged.UnpackStagedAsync(key, files, ct), ct);

    public async Task StartAsync(ManagedDatabase database, CancellationToken ct)
    {
        if (!await PlaceOf(database).StartAsync(database, ct))
        {
            throw await EndedAsync(database, ct);
        }

        await TakesConnectionsAsync(database, ct);
    }

    public Task StopAsync(ManagedDatabase database, CancellationToken ct) => PlaceOf(database).StopAsync(database, ct);

    public async Task MakeOwnerAsync(ManagedDatabase database, ManagedDatabase? source, CancellationToken ct) =>
        await SetPasswordAsync(database, ManagedDatabase.OwnerName, passwords.Open(database.OwnerSecret, database.Id), ct);

    public Task ArchiveAsync(ManagedDatabase database, CancellationToken ct) => PlaceOf(database).ArchiveAsync(database, ct);

    public async Task TakeBaseBackupAsync(ManagedDatabase database, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        await archive.TakeBaseBackupAsync(database, PlaceOf(database).LogOf(database, admin), admin, ct);
    }

    public async Task KeepArchiveAsync(ManagedDatabase database, BaseBackup? newest, CancellationToken ct)
    {
        await archive.SaveTimeAsync(database, await PlaceOf(database).ArchiveAsync(database, ct), ct);
        if (archive.WantsBaseBackup(database, newest))
        {
            await TakeBaseBackupAsync(database, ct);
        }
    }

    public async Task<DateTimeOffset?> StoreAllAsync(ManagedDatabase database, bool restores, CancellationToken ct)
    {
        try
        {
            await using var admin = await connections.OpenAsync(database, ct);
            var now = await admin.TimeAsync(ct);
            await PlaceOf(database).StoreAllAsync(database, admin, ct);
            return now;
        }
        catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
        {
            // The server has died: what is stored is what there is.
            return null;
        }
    }

    public string FirstLogName(BaseBackup backup) => RedisArchive.PartName(backup.StartPosition);

    public async Task ApplySettingsAsync(ManagedDatabase database, CancellationToken ct)
    {
        var isOther = await PlaceOf(database).WriteSettingsAsync(database, ct);
        await using var admin = await connections.OpenAsync(database, ct);
        IReadOnlyList<(string Name, string Value)> certificate = isOther ? RedisSettings.Certificate : [];
        await admin.SendAsync(
            ct, ["CONFIG", "SET", .. RedisSettings.Live(database).Concat(certificate).SelectMany(one => (string[])[one.Name, one.Value])]);
    }

    public async Task EndSessionsAsync(ManagedDatabase database, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        await admin.SendAsync(ct, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    }

    /// <summary>Its files as they are when they are read, without a log: they are a base backup of their own each time.</summary>
    public Task<DatabaseArchiveState> DescribeArchiveAsync(ManagedDatabase database, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        return Task.FromResult(
            new DatabaseArchiveState(database.Generation, new DatabaseBase(TypedId.NewValue("base", now), "", now), [], now));
    }

    public Task<Stream> OpenBaseAsync(ManagedDatabase database, string backup, CancellationToken ct) =>
        PlaceOf(database).OpenCopyAsync(database, ct);

    public Task<string?> CheckAsync(ManagedDatabase database, CancellationToken ct) => PlaceOf(database).CheckAsync(database, ct);

    public Task CheckParametersAsync(IReadOnlyDictionary<string, string>? asked, DatabaseType type, CancellationToken ct) =>
        parameters.CheckAsync(asked, ct);

    public Task<bool> NeedsRestartAsync(IEnumerable<string> names, CancellationToken ct) => Task.FromResult(false);

    public async Task<IReadOnlyList<string>> ListUsersAsync(ManagedDatabase database, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        return await UsersOfAsync(admin, ct);
    }

    public async Task CreateUserAsync(ManagedDatabase database, string name, string password, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        if ((await UsersOfAsync(admin, ct)).Contains(name) || name == "default")
        {
            throw CloudException.Conflict("name-taken", $"There is already a user '{name}'.");
        }

        await admin.SendAsync(ct, ["ACL", "SETUSER", name, "on", RedisUsers.HashOf(password), .. RedisUsers.Rights]);
        await SaveUsersAsync(database, admin, ct);
    }

    public async Task DeleteUserAsync(ManagedDatabase database, string name, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        await admin.SendAsync(ct, "ACL", "DELUSER", name);
        await SaveUsersAsync(database, admin, ct);
    }

    public async Task RequireUserAsync(ManagedDatabase database, string name, CancellationToken ct)
    {
        if (!(await ListUsersAsync(database, ct)).Contains(name))
        {
            throw CloudException.NotFound("user", name);
        }
    }

    public async Task SetPasswordAsync(ManagedDatabase database, string name, string password, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        await admin.SendAsync(ct, "ACL", "SETUSER", name, "resetpass", RedisUsers.HashOf(password));
        await SaveUsersAsync(database, admin, ct);
    }

    public async Task<DatabaseMetricsView> ReadMetricsAsync(ManagedDatabase database, long usedBytes, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        var info = await admin.InfoAsync(ct, "clients", "stats", "memory", "server");
        var (hits, misses) = (Number("keyspace_hits"), Number("keyspace_misses"));
        return new DatabaseMetricsView(
            (int)Number("connected_clients") - 1, (int)Number("blocked_clients"), (int)Number("maxclients"),
            Number("total_commands_processed"), Number("total_error_replies"), hits + misses == 0 ? null : (double)hits / (hits + misses),
            0, 0, 0, 0, usedBytes, database.SizeBytes, Number("uptime_in_seconds"), Number("used_memory"),
            (long)(await admin.SendAsync(ct, "DBSIZE"))!);

        long Number(string name) => long.Parse(info[name], CultureInfo.InvariantCulture);
    }

    public async Task<IReadOnlyList<SlowQueryView>> ListSlowestAsync(ManagedDatabase database, int count, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        string[] own = ["acl", "auth", "bgrewriteaof", "client", "config", "info", "slowlog"];
        return ((List<object?>)(await admin.SendAsync(ct, "SLOWLOG", "GET", "-1"))!).Cast<List<object?>>()
            .Select(entry => (Words: ((List<object?>)entry[3]!).Cast<string>().ToList(), Milliseconds: (long)entry[2]! / 1000.0))
            .Where(one => !own.Contains(one.Words[0].ToLowerInvariant())).OrderByDescending(one => one.Milliseconds).Take(count)
            .Select(one => new SlowQueryView(
                string.Join(' ', one.Words.Take(2)), null, null, 1, one.Milliseconds, one.Milliseconds, one.Milliseconds, 0))
            .ToList();
    }

    private static async Task<IReadOnlyList<string>> UsersOfAsync(RedisConnection admin, CancellationToken ct) =>
        ((List<object?>)(await admin.SendAsync(ct, "ACL", "USERS"))!).Cast<string>()
            .Where(name => name is not ("default" or ServerSettings.Admin)).Order(StringComparer.Ordinal).ToList();

    private async Task SaveUsersAsync(ManagedDatabase database, RedisConnection admin, CancellationToken ct)
    {
        await admin.SendAsync(ct, "ACL", "SAVE");
        await archive.PutUsersAsync(database, admin, ct);
    }

    private IRedisPlace PlaceOf(ManagedDatabase database) => database.Placement == DatabasePlacement.Process ? processes : containers;

    private async Task TakesConnectionsAsync(ManagedDatabase database, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = await connections.OpenAsync(database, ct);
                return;
            }
            catch (CloudException away) when (away.Kind == ErrorKind.Unavailable && time.GetElapsedTime(began) < StartLimit)
            {
                if (time.GetElapsedTime(began) > GoneLimit && !await places.Of(database).RunsAsync(database, ct))
                {
                    throw await EndedAsync(database, ct);
                }
            }

            await Task.Delay(Pause, ct);
        }
    }

    private async Task<CloudException> EndedAsync(ManagedDatabase database, CancellationToken ct)
    {
        LogEnded(log, database.Id, await places.Of(database).LogAsync(database, LogLines, ct));
        return new CloudException(ErrorKind.Unavailable, "server-ended", "The server ended as it started; its log says why.");
    }

    [LoggerMessage(9007, LogLevel.Warning, "The server of {Database} ended as it started: {Said}")]
    private static partial void LogEnded(ILogger log, DatabaseId database, string said);
}
