using System.Formats.Tar;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using Cloud.Backup.Vaults;
using Cloud.Database.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Sources;

/// <summary>
/// Databases: the files of the running server and the log that makes them consistent, each as a stream of its own, so that what has not
/// changed is stored once. A point is a server by itself.
/// </summary>
internal sealed class DatabaseSource(IDatabases databases, TimeProvider time) : IBackupSource
{
    private const string Settings = "database";
    private const string Folders = "folders";
    private const string File = "file";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(60);

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(500);

    public string Kind => "database";

    public bool Owns(string resource) => resource.StartsWith("db-", StringComparison.Ordinal);

    public async Task<string?> FindNameAsync(string project, string resource, CancellationToken ct) =>
        (await databases.FindAsync(project, resource, ct))?.Name;

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        databases.ListAsync(project, labels, ct);

    public async Task<TakenBackup> BackUpAsync(BackupRun run, CancellationToken ct)
    {
        var database = await RequireAsync(run.Project, run.Resource, ct);
        run.Progress.Expect(run.Earlier?.SizeBytes ?? 0);
        await using var tar = await databases.ReadAsync(run.Project, database.Id, ct);
        await using var reader = new TarReader(tar);
        var (streams, folders) = (new List<PointStream>(), new List<TarFileName>());
        while (await reader.GetNextEntryAsync(copyData: false, ct) is { } entry)
        {
            var name = new TarFileName(entry.Name, (int)entry.Mode);
            if (entry.EntryType == TarEntryType.Directory)
            {
                folders.Add(name);
            }
            else if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
            {
                streams.Add(await StoreAsync(run, entry, name, streams.Count, ct));
            }
        }

        // What was written until the end of the copy is in it.
        return new TakenBackup(Kind, database.Name, time.GetUtcNow(), streams, null)
        {
            Properties = new Dictionary<string, JsonElement> { [Settings] = Json(database.Settings), [Folders] = Json(folders) },
        };
    }

    public async Task<string> RestoreAsync(RestoreRun run, string name, CancellationToken ct) => (await MakeAsync(run, name, ct)).Id;

    public async Task<string> RestoreInPlaceAsync(RestoreRun run, CancellationToken ct)
    {
        var database = await RequireAsync(run.Project, run.Point.Resource, ct);
        await StageAsync(run, ct);
        var begun = await databases.RestoreAsync(run.Project, database.Id, KeyOf(run), ct);
        RequireWell(await SettleAsync(run.Project, begun, ct));
        await databases.UnstageAsync(KeyOf(run), ct);

        // The generation before it stays with the database.
        return database.Id;
    }

    public async Task UndoAsync(string project, string resource, string safety, CancellationToken ct) =>
        RequireWell(await SettleAsync(project, await databases.UndoRestoreAsync(project, resource, ct), ct));

    /// <summary>Starts a server of the point that is thrown away, and has it check all that it holds.</summary>
    public async Task<TryResult> TryAsync(RestoreRun run, CancellationToken ct)
    {
        var name = $"try-{run.Job}";
        try
        {
            var database = await MakeAsync(run, name, ct);
            return await databases.CheckAsync(run.Project, database.Id, ct) is { } wrong ? TryResult.Unproven(wrong) : TryResult.Good;
        }
        catch (CloudException failed) when (failed.Code == "database-failed")
        {
            return TryResult.Unproven(failed.Message);
        }
        finally
        {
            // Also where the job was cancelled.
            while (!await databases.DeleteAsync(run.Project, name, CancellationToken.None))
            {
                await Task.Delay(LookAgain, time, CancellationToken.None);
            }

            await databases.UnstageAsync(KeyOf(run), CancellationToken.None);
        }
    }

    /// <summary>Nothing is kept for the next backup: the vault itself knows what has not changed.</summary>
    public Task ForgetAsync(string project, string snapshot, CancellationToken ct) => Task.CompletedTask;

    private static async Task<PointStream> StoreAsync(
        BackupRun run, TarEntry entry, TarFileName name, int number, CancellationToken ct)
    {
        var properties = new Dictionary<string, JsonElement> { [File] = Json(name) };
        var stream = number.ToString("d6", CultureInfo.InvariantCulture);
        if (entry.Length == 0)
        {
            return new PointStream(stream, 0, [], properties);
        }

        var stored = await run.Writer.PutStreamAsync(
            run.Vault, stream, entry.Length, [new ByteRun(0, entry.Length)], null,
            (_, _, _) => Task.FromResult<Stream>(new UnownedStream(entry.DataStream!)), run.Progress.Advance, ct);
        return stored with { Properties = properties };
    }

    private async Task<DatabaseState> MakeAsync(RestoreRun run, string name, CancellationToken ct)
    {
        if (await databases.FindAsync(run.Project, name, ct) is null)
        {
            await StageAsync(run, ct);
        }

        var settings = run.Point.Properties[Settings].Deserialize<DatabaseSettings>(JsonSerializerOptions.Web)!;
        var made = await databases.CreateAsync(run.Project, new NewDatabaseCopy(name, settings, KeyOf(run)), ct);
        RequireWell(made = await SettleAsync(run.Project, made, ct));
        await databases.UnstageAsync(KeyOf(run), ct);
        return made;
    }

    /// <summary>Hands the point's files over, as the tar that they came as.</summary>
    private async Task StageAsync(RestoreRun run, CancellationToken ct)
    {
        run.Progress.Expect(run.Point.SizeBytes);
        var pipe = new Pipe();
        var writing = WriteAsync(run, pipe.Writer, ct);
        await databases.StageAsync(KeyOf(run), pipe.Reader.AsStream(), ct);
        await writing;
    }

    /// <summary>Whatever ends it, the reader is told.</summary>
    private static async Task WriteAsync(RestoreRun run, PipeWriter to, CancellationToken ct)
    {
        try
        {
            await using (var tar = new TarWriter(to.AsStream(leaveOpen: true), TarEntryFormat.Pax))
            {
                foreach (var folder in run.Point.Properties[Folders].Deserialize<List<TarFileName>>(JsonSerializerOptions.Web)!)
                {
                    await tar.WriteEntryAsync(
                        new PaxTarEntry(TarEntryType.Directory, folder.Path) { Mode = (UnixFileMode)folder.Mode }, ct);
                }

                foreach (var stream in run.Point.Streams)
                {
                    var name = stream.Properties![File].Deserialize<TarFileName>(JsonSerializerOptions.Web)!;
                    await using var content = new ProgressStream(run.Vault.OpenStream(stream), run.Progress);
                    await tar.WriteEntryAsync(
                        new PaxTarEntry(TarEntryType.RegularFile, name.Path) { Mode = (UnixFileMode)name.Mode, DataStream = content }, ct);
                }
            }

            await to.CompleteAsync();
        }
        catch (Exception failed)
        {
            await to.CompleteAsync(failed);
            throw;
        }
    }

    private async Task<DatabaseState> SettleAsync(string project, DatabaseState database, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (!database.Settled)
        {
            if (time.GetElapsedTime(began) > Limit)
            {
                throw new CloudException(ErrorKind.Unavailable, "database-slow", $"Database '{database.Name}' did not get done in time.");
            }

            await Task.Delay(LookAgain, time, ct);
            database = await RequireAsync(project, database.Id, ct);
        }

        return database;
    }

    private static void RequireWell(DatabaseState database)
    {
        if (database.Status != DatabaseState.Available)
        {
            throw CloudException.Conflict("database-failed", $"The database is {database.Status}. {database.StatusReason}".Trim());
        }
    }

    private async Task<DatabaseState> RequireAsync(string project, string database, CancellationToken ct) =>
        await databases.FindAsync(project, database, ct) ?? throw CloudException.NotFound("database", database);

    private static string KeyOf(RestoreRun run) => $"backup-{run.Job}";

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonSerializerOptions.Web);

    /// <summary>A file or folder of a server.</summary>
    /// <param name="Mode">Its permissions.</param>
    private sealed record TarFileName(string Path, int Mode);
}
