using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
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
    ServerConnections connections)
{
    private const int Interrupt = 2;
    private const int Kill = 9;
    private const int Hangup = 1;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(30);

    public ServerFolder FolderOf(ManagedDatabase database) => ServerFolder.Of(options, database.Id, database.Generation);

    /// <summary>Makes an empty server in its folder, with the template's password; kept where it is there.</summary>
    public Task MakeAsync(ManagedDatabase database, CancellationToken ct) => FolderOf(database).FillAsync(
        async unfinished => FolderCopy.Copy(await template.RequireAsync(ct), unfinished.Data, ct));

    /// <summary>Starts a server where it does not run. It may still be recovering when this returns.</summary>
    public async Task StartAsync(ManagedDatabase database, CancellationToken ct)
    {
        var folder = FolderOf(database);
        if (ProcessOf(folder) is not null || IsStarting(folder))
        {
            return;
        }

        programs.Require();
        WriteSettings(database);
        certificates.Write(folder, database);
        Directory.CreateDirectory(folder.Logs);

        // No process of this folder lives: what the last one has left would be held against its number's next owner.
        File.Delete(folder.ProcessFile);
        await programs.RunInAsync(
            folder.Root, database.ServerUid, "pg_ctl",
            ["start", "--no-wait", "--silent", "--pgdata", folder.Data, "--log", folder.StartLog], ct);
    }

    /// <summary>Waits until a server takes connections.</summary>
    /// <returns>False where it has ended instead: its log says why.</returns>
    public async Task<bool> AnswersAsync(ManagedDatabase database, TimeSpan limit, CancellationToken ct, string? password = null)
    {
        using var within = CancellationTokenSource.CreateLinkedTokenSource(ct);
        within.CancelAfter(limit);
        var folder = FolderOf(database);
        while (true)
        {
            try
            {
                await using var connection = await connections.OpenAsync(database, within.Token, password);
                return true;
            }
            catch (NpgsqlException away) when (away is not PostgresException { SqlState: PostgresErrorCodes.InvalidPassword })
            {
                // It is on its way, or it was and has ended.
                if (ProcessOf(folder) is null && !IsStarting(folder))
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

    public Task<bool> AnswersAsync(ManagedDatabase database, CancellationToken ct) => AnswersAsync(database, AnswerLimit, ct);

    /// <summary>Writes the settings, and has a server that runs take those that it takes without a restart.</summary>
    public void Reload(ManagedDatabase database)
    {
        WriteSettings(database);
        certificates.Write(FolderOf(database), database);
        if (ProcessOf(FolderOf(database)) is { } process)
        {
            _ = SendSignal(process, Hangup);
        }
    }

    public bool Runs(ManagedDatabase database) => ProcessOf(FolderOf(database)) is not null;

    /// <summary>It was started and has not written its process file yet: pg_ctl, or the shell that becomes the server.</summary>
    public static bool IsStarting(ServerFolder folder) => Directory.EnumerateDirectories("/proc")
        .Where(path => int.TryParse(Path.GetFileName(path), CultureInfo.InvariantCulture, out _))
        .Any(path => CommandLine(path).Contains(folder.Data, StringComparison.Ordinal));

    /// <summary>Stops a server in good order: connections end, all is written down.</summary>
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

    /// <summary>The last of what a server has said, oldest first.</summary>
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
