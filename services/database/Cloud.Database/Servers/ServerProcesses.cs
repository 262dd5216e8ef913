using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Cloud.Database.Archive;
using Cloud.Database.Databases;
using Cloud.Primitives;
using Npgsql;

namespace Cloud.Database.Servers;

/// <summary>
/// The servers of databases as processes of this machine, each in a session and a folder of its own, as a user of its own where the service
/// may choose one. They outlive the service: what runs is found by its folder's process file.
/// </summary>
internal sealed partial class ServerProcesses(
    DatabaseOptions options, ServerPrograms programs, ServerTemplate template, ServerCertificates certificates,
    ServerConnections connections) : IServerPlace
{
    private const int Interrupt = 2;
    private const int Kill = 9;
    private const int Hangup = 1;
    private const int AbsencesMax = 3;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    public ServerFolder FolderOf(ManagedDatabase database) => ServerFolder.Of(options, database.Id, database.Generation);

    /// <summary>It has the template's password.</summary>
    public Task MakeAsync(ManagedDatabase database, CancellationToken ct) => FolderOf(database).FillAsync(
        async unfinished => FolderCopy.Copy(await template.RequireAsync(ct), unfinished.Data, ct));

    public Task FillAsync(
        ManagedDatabase database, int generation, DateTimeOffset? time, Func<IServerFiles, Task> fill, CancellationToken ct) =>
        ServerFolder.Of(options, database.Id, generation).FillAsync(async unfinished =>
        {
            await fill(new FolderFiles(unfinished));
            if (Directory.Exists(unfinished.Replayed))
            {
                FillUp(unfinished.Replayed);
                await File.WriteAllTextAsync(unfinished.Recovery, ServerSettings.Recovery(time), ct);
                await File.WriteAllTextAsync(unfinished.RecoverySignal, "", ct);
            }
        });

    /// <summary>
    /// Makes a server of what another holds now, which runs: a copy of its files, made as its low-level backup protocol says (manual,
    /// 26.3.3), with the log that makes them consistent.
    /// </summary>
    public Task CopyAsync(ManagedDatabase source, ManagedDatabase database, CancellationToken ct) =>
        FolderOf(database).FillAsync(async unfinished =>
        {
            var from = FolderOf(source);
            await using var admin = await connections.OpenAsync(source, ct);

            // Both end with the connection: the slot, by which the log is kept until it is copied, and the backup.
            await admin.ExecuteAsync(
                "SELECT pg_create_physical_replication_slot($1, true, true)", ct, $"cloud_copy_{Guid.NewGuid():N}");
            await admin.ExecuteAsync("SELECT pg_backup_start('copy', true)", ct);
            FolderCopy.Copy(from.Data, unfinished.Data, CopiedFiles.Takes, ct);
            File.Copy(from.Control, unfinished.Control);
            var label = await admin.ScalarAsync<string>("SELECT labelfile FROM pg_backup_stop(false)", ct);
            await File.WriteAllTextAsync(Path.Combine(unfinished.Data, "backup_label"), label, ct);
            FolderCopy.Copy(from.Log, unfinished.Log, ct);
        });

    public async Task<bool> StartAsync(ManagedDatabase database, CancellationToken ct)
    {
        await LaunchAsync(database, ct);
        if (!await TakesConnectionsAsync(database, ct))
        {
            return false;
        }

        var folder = FolderOf(database);
        if (!File.Exists(folder.RecoverySignal) && Directory.Exists(folder.Replayed))
        {
            Directory.Delete(folder.Replayed, recursive: true);
        }

        return true;
    }

    public async Task RecoverAllAsync(ManagedDatabase database, CancellationToken ct)
    {
        if (File.Exists(FolderOf(database).RecoverySignal))
        {
            await File.WriteAllTextAsync(FolderOf(database).Recovery, ServerSettings.Recovery(null), ct);
        }
    }

    /// <summary>It may still be recovering when this returns.</summary>
    private async Task LaunchAsync(ManagedDatabase database, CancellationToken ct)
    {
        var folder = FolderOf(database);
        if (ProcessOf(folder) is not null || IsStarting(folder))
        {
            return;
        }

        programs.Require();
        if (!File.Exists(folder.RecoverySignal))
        {
            // Its recovery is over; how it went was a setting of the server until this start.
            File.Delete(folder.Recovery);
        }

        WriteSettings(database);
        certificates.Write(folder, database);
        Directory.CreateDirectory(folder.Logs);

        // No process of this folder lives: what the last one has left would be held against its number's next owner.
        File.Delete(folder.ProcessFile);
        await programs.RunInAsync(
            folder.Root, database.ServerUid, "pg_ctl",
            ["start", "--no-wait", "--silent", "--pgdata", folder.Data, "--log", folder.StartLog], ct);
    }

    /// <returns>False where the server has ended instead.</returns>
    private async Task<bool> TakesConnectionsAsync(ManagedDatabase database, CancellationToken ct)
    {
        using var within = CancellationTokenSource.CreateLinkedTokenSource(ct);
        within.CancelAfter(StartLimit);
        var folder = FolderOf(database);
        var absences = 0;
        while (true)
        {
            try
            {
                await using var connection = await connections.OpenAsync(database, within.Token);
                return true;
            }
            catch (PostgresException wrong) when (wrong.SqlState == PostgresErrorCodes.InvalidPassword)
            {
                // It takes connections: the password that it wants is its source's still.
                return true;
            }
            catch (NpgsqlException)
            {
                // It is on its way, or it was and has ended. While one program becomes another it is not seen.
                absences = ProcessOf(folder) is null && !IsStarting(folder) ? absences + 1 : 0;
                if (absences == AbsencesMax)
                {
                    return false;
                }
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                throw new CloudException(ErrorKind.Unavailable, "server-not-ready", "The server does not take connections yet.");
            }

            await Task.Delay(Pause, ct);
        }
    }

    public Task ReloadAsync(ManagedDatabase database, CancellationToken ct)
    {
        WriteSettings(database);
        certificates.Write(FolderOf(database), database);
        if (ProcessOf(FolderOf(database)) is { } process)
        {
            _ = SendSignal(process, Hangup);
        }

        return Task.CompletedTask;
    }

    public bool Runs(ManagedDatabase database) => ProcessOf(FolderOf(database)) is not null;

    public Task<bool> RunsAsync(ManagedDatabase database, CancellationToken ct) => Task.FromResult(Runs(database));

    public Task<long> UsedBytesAsync(ManagedDatabase database, CancellationToken ct) => Task.FromResult(FolderOf(database).UsedBytes());

    public Task RequireRoomAsync(ManagedDatabase database, long sizeBytes, CancellationToken ct)
    {
        var used = database.ShouldRun || database.Status == DatabaseStatus.Stopped ? FolderOf(database).UsedBytes() : 0;
        return sizeBytes < database.SizeBytes && sizeBytes < used
            ? throw CloudException.Invalid("sizeBytes", $"The database holds {used} bytes.")
            : Task.CompletedTask;
    }

    public bool StopsToGrow => false;

    /// <summary>Memory is planned with at the next start, and the disk is the machine's.</summary>
    public Task ResizeAsync(ManagedDatabase database, CancellationToken ct) => Task.CompletedTask;

    /// <summary>It was started and has not written its process file yet: pg_ctl, or the shell that becomes the server.</summary>
    public static bool IsStarting(ServerFolder folder) => Directory.EnumerateDirectories("/proc")
        .Where(path => int.TryParse(Path.GetFileName(path), CultureInfo.InvariantCulture, out _))
        .Any(path => CommandLine(path).Contains(folder.Data, StringComparison.Ordinal));

    public Task StopAsync(ManagedDatabase database, CancellationToken ct) => StopAsync(FolderOf(database), ct);

    /// <summary>Stops the server of a folder in good order.</summary>
    public static async Task StopAsync(ServerFolder folder, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(StopLimit);
        var signal = Interrupt;
        while (ProcessOf(folder) is { } process)
        {
            _ = SendSignal(process, signal);
            try
            {
                while (ProcessOf(folder) == process)
                {
                    await Task.Delay(Pause, limit.Token);
                }
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested && signal != Kill)
            {
                // What was acknowledged is in its log all the same.
                signal = Kill;
            }
        }
    }

    public async Task<string> LogAsync(ManagedDatabase database, int lines, CancellationToken ct)
    {
        const int BytesMax = 1 << 20;
        var folder = FolderOf(database);
        var files = Directory.Exists(folder.Logs)
            ? new DirectoryInfo(folder.Logs).GetFiles().OrderBy(file => file.LastWriteTimeUtc).ToList()
            : [];
        var kept = new List<string>();
        foreach (var file in Enumerable.Reverse(files))
        {
            await using var log = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            log.Seek(-Math.Min(log.Length, BytesMax), SeekOrigin.End);
            using var reader = new StreamReader(log);
            kept.InsertRange(0, (await reader.ReadToEndAsync(ct)).Split('\n', StringSplitOptions.RemoveEmptyEntries));
            if (kept.Count >= lines)
            {
                break;
            }
        }

        return string.Concat(kept.TakeLast(lines).Select(line => line + "\n"));
    }

    public Task RemoveAsync(ManagedDatabase database, int generation, CancellationToken ct)
    {
        ServerFolder.Of(options, database.Id, generation).Remove();
        return Task.CompletedTask;
    }

    public Task RemoveAllAsync(ManagedDatabase database, CancellationToken ct)
    {
        var folder = Path.Combine(options.Folder, database.Id.Value);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        return Task.CompletedTask;
    }

    /// <summary>Of the newest file of the log there may be only the beginning: the rest is as the server would have it, zeros.</summary>
    private static void FillUp(string log)
    {
        foreach (var path in Directory.GetFiles(log))
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
            file.SetLength(ArchiveKeys.SegmentBytes);
        }
    }

    private void WriteSettings(ManagedDatabase database)
    {
        var folder = FolderOf(database);
        Replace(folder.Settings, ServerSettings.Of(database, options.ListensEverywhere));
        Replace(folder.Access, ServerSettings.Access(options.ListensEverywhere));
    }

    /// <summary>In place: the file stays its server's.</summary>
    public static void Replace(string path, string text)
    {
        using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write);
        var bytes = Encoding.UTF8.GetBytes(text);
        file.Write(bytes);
        file.SetLength(bytes.Length);
        file.Flush(flushToDisk: true);
    }

    /// <summary>The server of a folder; null where none lives. A number that another program has now is not taken for it.</summary>
    private static int? ProcessOf(ServerFolder folder)
    {
        try
        {
            var first = File.ReadLines(folder.ProcessFile).FirstOrDefault();
            return int.TryParse(first, CultureInfo.InvariantCulture, out var process) && IsServerOf(process, folder) ? process : null;
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static bool IsServerOf(int process, ServerFolder folder) =>
        CommandLine($"/proc/{process}").Split('\0').Contains(folder.Data);

    /// <summary>Empty of one that is gone, or a zombie.</summary>
    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int process, int signal);
}
