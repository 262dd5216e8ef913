using System.Formats.Tar;
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
    ServerProcesses processes, ServerPrograms programs, ServerCertificates certificates, PasswordBox passwords, RedisParameters parameters,
    RedisArchive archive, DatabaseArchive staged, DatabaseOptions options, TimeProvider time, ILogger<RedisEngine> log) : IServerEngine
{
    private const string CheckProgram = "/usr/bin/redis-check-aof";
    private const int LogLines = 100;

    /// <summary>More than a start takes until the server has written its process file.</summary>
    private static readonly TimeSpan GoneLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    public string Version => DatabaseView.VersionOf(DatabaseEngine.Redis);

    public Task MakeAsync(ManagedDatabase database, CancellationToken ct) => processes.FolderOf(database).FillAsync(unfinished =>
    {
        WriteUsers(database, unfinished);
        return Task.CompletedTask;
    });

    public Task CopyAsync(ManagedDatabase source, ManagedDatabase database, CancellationToken ct) =>
        processes.FolderOf(database).FillAsync(async unfinished =>
        {
            await CopyFilesAsync(source, unfinished, ct);
            WriteUsers(database, unfinished);
        });

    public Task RestoreAsync(
        ManagedDatabase database, int generation, DatabaseId source, DateTimeOffset? time, CancellationToken ct) =>
        ServerFolder.Of(options, database.Id, generation).FillAsync(async unfinished =>
        {
            await archive.LayOutAsync(source, time, unfinished, ct);
            WriteUsers(database, unfinished);
        });

    public async Task LayOutAsync(ManagedDatabase database, int generation, string key, DateTimeOffset? time, CancellationToken ct)
    {
        var to = ServerFolder.Of(options, database.Id, generation);
        await processes.FillAsync(database, generation, time, files => staged.UnpackStagedAsync(key, files, ct), ct);
        WriteUsers(database, to);
    }

    public async Task StartAsync(ManagedDatabase database, CancellationToken ct)
    {
        var folder = processes.FolderOf(database);
        if (!processes.Runs(database) && !ServerProcesses.IsStarting(folder))
        {
            RedisParameters.Require();
            await archive.BeginAsync(database, folder, ct);
            ServerProcesses.Replace(folder.RedisSettings, RedisSettings.Of(database, options.ListensEverywhere));
            certificates.Write(folder, database);
            Directory.CreateDirectory(folder.Logs);

            // No process of this folder lives: what the last one has left would be held against its number's next owner.
            File.Delete(folder.ProcessFile);
            await programs.RunInAsync(
                folder.Root, database.ServerUid, RedisParameters.Program, [folder.RedisSettings, "--dir", folder.Data], ct);
        }

        await TakesConnectionsAsync(database, ct);
    }

    public async Task StopAsync(ManagedDatabase database, CancellationToken ct)
    {
        var folder = processes.FolderOf(database);
        var ran = processes.Runs(database);
        await ServerProcesses.StopAsync(folder, ct);
        if (ran)
        {
            var now = time.GetUtcNow();
            await archive.StoreAsync(database, folder, ct);
            await archive.SaveTimeAsync(database, now, ct);
        }
    }

    public async Task MakeOwnerAsync(ManagedDatabase database, ManagedDatabase? source, CancellationToken ct) =>
        await SetPasswordAsync(database, ManagedDatabase.OwnerName, passwords.Open(database.OwnerSecret, database.Id), ct);

    public Task ArchiveAsync(ManagedDatabase database, CancellationToken ct) =>
        archive.StoreAsync(database, processes.FolderOf(database), ct);

    public async Task TakeBaseBackupAsync(ManagedDatabase database, CancellationToken ct)
    {
        await using var admin = await OpenAsync(database, ct);
        await archive.TakeBaseBackupAsync(database, processes.FolderOf(database), admin, ct);
    }

    public async Task KeepArchiveAsync(ManagedDatabase database, BaseBackup? newest, CancellationToken ct)
    {
        var folder = processes.FolderOf(database);
        var now = time.GetUtcNow();
        await archive.StoreAsync(database, folder, ct);
        await archive.SaveTimeAsync(database, now, ct);
        if (archive.WantsBaseBackup(folder, newest))
        {
            await TakeBaseBackupAsync(database, ct);
        }
    }

    public async Task<DateTimeOffset?> StoreAllAsync(ManagedDatabase database, CancellationToken ct)
    {
        try
        {
            await using var admin = await OpenAsync(database, ct);
            var now = await admin.TimeAsync(ct);
            await archive.StoreAsync(database, processes.FolderOf(database), ct);
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
        ServerProcesses.Replace(
            processes.FolderOf(database).RedisSettings, RedisSettings.Of(database, options.ListensEverywhere));
        await using var admin = await OpenAsync(database, ct);
        IReadOnlyList<(string Name, string Value)> certificate = certificates.Write(processes.FolderOf(database), database)
            ? RedisSettings.Certificate
            : [];
        await admin.SendAsync(
            ct, ["CONFIG", "SET", .. RedisSettings.Live(database).Concat(certificate).SelectMany(one => (string[])[one.Name, one.Value])]);
    }

    public async Task EndSessionsAsync(ManagedDatabase database, CancellationToken ct)
    {
        await using var admin = await OpenAsync(database, ct);
        await admin.SendAsync(ct, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    }

    /// <summary>Its files as they are when they are read, without a log: they are a base backup of their own each time.</summary>
    public Task<DatabaseArchiveState> DescribeArchiveAsync(ManagedDatabase database, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        return Task.FromResult(
            new DatabaseArchiveState(database.Generation, new DatabaseBase(TypedId.NewValue("base", now), "", now), [], now));
    }

    public async Task<Stream> OpenBaseAsync(ManagedDatabase database, string backup, CancellationToken ct)
    {
        var copy = new ServerFolder(Path.Combine(options.Folder, database.Id.Value, $"copy-{Guid.NewGuid():N}"));
        Directory.CreateDirectory(copy.Data);
        try
        {
            await CopyFilesAsync(database, copy, ct);
            var path = Path.Combine(copy.Root, "copy.tar");
            await TarFile.CreateFromDirectoryAsync(copy.Data, path, includeBaseDirectory: false, ct);
            return File.OpenRead(path);
        }
        finally
        {
            // What is open stays until it is closed.
            Directory.Delete(copy.Root, recursive: true);
        }
    }

    public async Task<string?> CheckAsync(ManagedDatabase database, CancellationToken ct)
    {
        var folder = processes.FolderOf(database);
        using var hold = await archive.HoldAsync(database, ct);
        try
        {
            await programs.RunInAsync(folder.Root, database.ServerUid, CheckProgram, [folder.AppendOnlyManifest], ct);
            return null;
        }
        catch (CloudException wrong) when (wrong.InnerException is { } said)
        {
            return $"redis-check-aof: {said.Message}";
        }
    }

    public Task CheckParametersAsync(IReadOnlyDictionary<string, string>? asked, DatabaseType type, CancellationToken ct) =>
        parameters.CheckAsync(asked, ct);

    public Task<bool> NeedsRestartAsync(IEnumerable<string> names, CancellationToken ct) => Task.FromResult(false);

    public async Task<IReadOnlyList<string>> ListUsersAsync(ManagedDatabase database, CancellationToken ct)
    {
        await using var admin = await OpenAsync(database, ct);
        return await UsersOfAsync(admin, ct);
    }

    public async Task CreateUserAsync(ManagedDatabase database, string name, string password, CancellationToken ct)
    {
        await using var admin = await OpenAsync(database, ct);
        if ((await UsersOfAsync(admin, ct)).Contains(name) || name == "default")
        {
            throw CloudException.Conflict("name-taken", $"There is already a user '{name}'.");
        }

        await admin.SendAsync(ct, ["ACL", "SETUSER", name, "on", RedisUsers.HashOf(password), .. RedisUsers.Rights]);
        await SaveUsersAsync(database, admin, ct);
    }

    public async Task DeleteUserAsync(ManagedDatabase database, string name, CancellationToken ct)
    {
        await using var admin = await OpenAsync(database, ct);
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
        await using var admin = await OpenAsync(database, ct);
        await admin.SendAsync(ct, "ACL", "SETUSER", name, "resetpass", RedisUsers.HashOf(password));
        await SaveUsersAsync(database, admin, ct);
    }

    public async Task<DatabaseMetricsView> ReadMetricsAsync(ManagedDatabase database, long usedBytes, CancellationToken ct)
    {
        await using var admin = await OpenAsync(database, ct);
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
        await using var admin = await OpenAsync(database, ct);
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
        await archive.PutUsersAsync(database, processes.FolderOf(database), ct);
    }

    /// <summary>The log's files, between two rewrites, and the users.</summary>
    private async Task CopyFilesAsync(ManagedDatabase source, ServerFolder to, CancellationToken ct)
    {
        var from = processes.FolderOf(source);
        using var hold = await archive.HoldAsync(source, ct);
        FolderCopy.Copy(from.AppendOnly, to.AppendOnly, ct);
        File.Copy(from.RedisUsers, to.RedisUsers);
    }

    private void WriteUsers(ManagedDatabase database, ServerFolder folder) => RedisUsers.Write(
        folder, passwords.Open(database.AdminSecret, database.Id), passwords.Open(database.OwnerSecret, database.Id));

    private async Task<RedisConnection> OpenAsync(ManagedDatabase database, CancellationToken ct)
    {
        using var authority = certificates.AuthorityCertificate();
        return await RedisConnection.OpenAsync(
            database.Port, ServerSettings.Admin, passwords.Open(database.AdminSecret, database.Id), authority, ct);
    }

    private async Task TakesConnectionsAsync(ManagedDatabase database, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = await OpenAsync(database, ct);
                return;
            }
            catch (CloudException away) when (away.Kind == ErrorKind.Unavailable && time.GetElapsedTime(began) < StartLimit)
            {
                if (time.GetElapsedTime(began) > GoneLimit && !processes.Runs(database))
                {
                    LogEnded(log, database.Id, await processes.LogAsync(database, LogLines, ct));
                    throw new CloudException(ErrorKind.Unavailable, "server-ended", "The server ended as it started; its log says why.");
                }
            }

            await Task.Delay(Pause, ct);
        }
    }

    [LoggerMessage(9007, LogLevel.Warning, "The server of {Database} ended as it started: {Said}")]
    private static partial void LogEnded(ILogger log, DatabaseId database, string said);
}
