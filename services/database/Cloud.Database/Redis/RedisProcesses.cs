using System.Formats.Tar;
using Cloud.Database.Databases;
using Cloud.Database.Secrets;
using Cloud.Database.Servers;
using Cloud.Primitives;

namespace Cloud.Database.Redis;

/// <summary>Redis servers as processes of this machine.</summary>
internal sealed class RedisProcesses(
    ServerProcesses processes, ServerPrograms programs, ServerCertificates certificates, PasswordBox passwords, RedisArchive archive,
    DatabaseOptions options, TimeProvider time) : IRedisPlace
{
    private const string CheckProgram = "/usr/bin/redis-check-aof";

    public Task MakeAsync(ManagedDatabase database, CancellationToken ct) =>
        FillAsync(database, database.Generation, _ => Task.CompletedTask, ct);

    public Task FillAsync(ManagedDatabase database, int generation, Func<IServerFiles, Task> fill, CancellationToken ct) =>
        ServerFolder.Of(options, database.Id, generation).FillAsync(async unfinished =>
        {
            await fill(new FolderFiles(unfinished));
            WriteUsers(database, unfinished);
        });

    /// <summary>Has a database hold what another holds now, by files that share their blocks where the file system can.</summary>
    public Task CopyAsync(ManagedDatabase source, ManagedDatabase database, CancellationToken ct) =>
        processes.FolderOf(database).FillAsync(async unfinished =>
        {
            await CopyFilesAsync(source, unfinished, ct);
            WriteUsers(database, unfinished);
        });

    public async Task<bool> StartAsync(ManagedDatabase database, CancellationToken ct)
    {
        var folder = processes.FolderOf(database);
        if (!processes.Runs(database) && !ServerProcesses.IsStarting(folder))
        {
            RedisParameters.Require();
            await archive.BeginAsync(database, folder, ct);
            await WriteSettingsAsync(database, ct);
            Directory.CreateDirectory(folder.Logs);

            // No process of this folder lives: what the last one has left would be held against its number's next owner.
            File.Delete(folder.ProcessFile);
            await programs.RunInAsync(
                folder.Root, database.ServerUid, RedisParameters.Program, [folder.RedisSettings, "--dir", folder.Data], ct);
        }

        return true;
    }

    public async Task StopAsync(ManagedDatabase database, CancellationToken ct)
    {
        var folder = processes.FolderOf(database);
        var ran = processes.Runs(database);
        await ServerProcesses.StopAsync(folder, ct);
        if (ran)
        {
            var now = time.GetUtcNow();
            await archive.StoreAsync(database, LogOf(database), ct);
            await archive.SaveTimeAsync(database, now, ct);
        }
    }

    public Task<bool> WriteSettingsAsync(ManagedDatabase database, CancellationToken ct)
    {
        var folder = processes.FolderOf(database);
        ServerProcesses.Replace(folder.RedisSettings, RedisSettings.Of(database, options.ListensEverywhere));
        return Task.FromResult(certificates.Write(folder, database));
    }

    /// <summary>To look at the files costs less than to ask the server whether it has written.</summary>
    public async Task<DateTimeOffset> ArchiveAsync(ManagedDatabase database, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        await archive.StoreAsync(database, LogOf(database), ct);
        return now;
    }

    public Task StoreAllAsync(ManagedDatabase database, RedisConnection admin, CancellationToken ct) => ArchiveAsync(database, ct);

    public IRedisLog LogOf(ManagedDatabase database, RedisConnection admin) => LogOf(database);

    public async Task<Stream> OpenCopyAsync(ManagedDatabase database, CancellationToken ct)
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

    private FolderLog LogOf(ManagedDatabase database) => new(processes.FolderOf(database));

    private async Task CopyFilesAsync(ManagedDatabase source, ServerFolder to, CancellationToken ct)
    {
        var from = processes.FolderOf(source);
        using var hold = await archive.HoldAsync(source, ct);
        FolderCopy.Copy(from.AppendOnly, to.AppendOnly, ct);
        File.Copy(from.RedisUsers, to.RedisUsers);
    }

    private void WriteUsers(ManagedDatabase database, ServerFolder folder) => RedisUsers.Write(
        folder, passwords.Open(database.AdminSecret, database.Id), passwords.Open(database.OwnerSecret, database.Id));
}
