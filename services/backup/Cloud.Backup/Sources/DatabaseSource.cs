using System.Formats.Tar;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using Cloud.Backup.Jobs;
using Cloud.Backup.Vaults;
using Cloud.Database.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Sources;

/// <summary>
/// Databases, by what their archive holds: a base backup, each file of it a stream, and the log that follows, a stream each file. What an
/// earlier point has of both is not read again. A point is a server by itself, and opens all times from its base backup to its own.
/// </summary>
internal sealed class DatabaseSource(IDatabases databases, TimeProvider time) : IBackupSource
{
    private const string Settings = "database";
    private const string Folders = "folders";
    private const string File = "file";
    private const string Base = "base";
    private const string Data = "data/";
    private const string Log = "wal/";

    /// <summary>So much log is put upon a base backup whatever its size, in bytes: it is replayed within seconds.</summary>
    private const long LogBytesMin = 64 << 20;

    /// <summary>The permissions of a file of the log.</summary>
    private const int LogMode = (int)(UnixFileMode.UserRead | UnixFileMode.UserWrite);

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(60);

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(500);

    public string Kind => "database";

    public bool RunsOnTheHost => true;

    public bool Owns(string resource) => resource.StartsWith("db-", StringComparison.Ordinal);

    public async Task<string?> FindNameAsync(string project, string resource, CancellationToken ct) =>
        (await databases.FindAsync(project, resource, ct))?.Name;

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        databases.ListAsync(project, labels, ct);

    public async Task<TakenBackup> BackUpAsync(BackupRun run, CancellationToken ct)
    {
        var database = await RequireAsync(run.Project, run.Resource, ct);
        var archive = await databases.ReadArchiveAsync(run.Project, database.Id, ct);
        var stored = await ContinueAsync(run, archive, ct) ?? await BeginAsync(run, database.Id, archive, ct);
        var kept = stored.Streams.Select(stream => FileOf(stream).Path).ToHashSet(StringComparer.Ordinal);
        var log = archive.Log.Where(file => string.CompareOrdinal(file.Name, stored.Base.FirstLog) >= 0 && !kept.Contains(Log + file.Name))
            .ToList();
        run.Progress.Expect(run.Progress.Read + log.Sum(file => file.SizeBytes));
        foreach (var file in log)
        {
            await using var content = await databases.ReadLogAsync(run.Project, database.Id, archive.Generation, file.Name, ct);
            stored.Streams.Add(await StoreAsync(run, content, file.SizeBytes, new TarFileName(Log + file.Name, LogMode), ct));
        }

        return new TakenBackup(Kind, database.Name, archive.At, Numbered(stored.Streams), null)
        {
            RestorableFrom = stored.Base.At,
            Properties = new Dictionary<string, JsonElement>
            {
                [Settings] = Json(database.Settings),
                [Folders] = Json(stored.Folders),
                [Base] = Json(stored.Base),
            },
        };
    }

    public async Task<string> RestoreAsync(RestoreRun run, string name, CancellationToken ct) => (await MakeAsync(run, name, ct)).Id;

    public async Task<string> RestoreInPlaceAsync(RestoreRun run, CancellationToken ct)
    {
        var database = await RequireAsync(run.Project, run.Point.Resource, ct);
        await StageAsync(run, ct);
        var begun = await databases.RestoreAsync(run.Project, database.Id, KeyOf(run.Job), run.To, ct);
        RequireWell(await SettleAsync(run.Project, begun, ct));
        await databases.UnstageAsync(KeyOf(run.Job), ct);

        // The generation before it stays with the database.
        return database.Id;
    }

    public async Task UndoAsync(string project, string resource, string safety, CancellationToken ct) =>
        RequireWell(await SettleAsync(project, await databases.UndoRestoreAsync(project, resource, ct), ct));

    /// <summary>Starts a server of the point that is thrown away, and has it check all that it holds.</summary>
    public async Task<TryResult> TryAsync(RestoreRun run, CancellationToken ct)
    {
        var name = NameOfTry(run.Job);
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
            await DeleteAsync(run.Project, name, CancellationToken.None);
            await databases.UnstageAsync(KeyOf(run.Job), CancellationToken.None);
        }
    }

    public async Task TidyAsync(EndedJob job, CancellationToken ct)
    {
        if (job.Kind == JobKind.Backup)
        {
            return;
        }

        var key = KeyOf(job.Id);
        foreach (var name in (string?[])[NameOfTry(job.Id), job.TargetName])
        {
            if (name is not null && await databases.FindAsync(job.Project, name, ct) is { } made && made.Origin == key)
            {
                await DeleteAsync(job.Project, made.Id, ct);
            }
        }

        await databases.UnstageAsync(key, ct);
    }

    /// <summary>Nothing is kept for the next backup: the archive's files never change.</summary>
    public Task ForgetAsync(string project, string snapshot, CancellationToken ct) => Task.CompletedTask;

    /// <summary>What the earlier point holds, where the log goes on from it: nothing of that is read again.</summary>
    /// <returns>Null where another base backup is needed.</returns>
    private static async Task<StoredFiles?> ContinueAsync(BackupRun run, DatabaseArchiveState archive, CancellationToken ct)
    {
        if (run.Earlier is not { } earlier || !earlier.Properties.TryGetValue(Base, out var text)
            || text.Deserialize<StoredBase>(JsonSerializerOptions.Web) is not { } from || from.Generation != archive.Generation)
        {
            return null;
        }

        var (files, log) = (earlier.Streams.Where(stream => !IsLog(stream)).ToList(), earlier.Streams.Where(IsLog).ToList());
        var newest = log.Select(stream => FileOf(stream).Path[Log.Length..]).Append(from.FirstLog).Max(StringComparer.Ordinal)!;
        var logBytes = log.Sum(stream => stream.SizeBytes)
            + archive.Log.Where(file => string.CompareOrdinal(file.Name, newest) > 0).Sum(file => file.SizeBytes);
        if (!archive.Log.Any(file => file.Name == newest)
            || (from.Id != archive.Base.Id && logBytes > Math.Max(LogBytesMin, files.Sum(stream => stream.SizeBytes))))
        {
            return null;
        }

        var kept = new List<PointStream>();
        foreach (var stream in files)
        {
            if (!await run.Writer.TryKeepAsync(run.Vault, stream, ct))
            {
                return null;
            }

            kept.Add(stream);
        }

        var sizes = archive.Log.ToDictionary(file => file.Name, file => file.SizeBytes, StringComparer.Ordinal);
        foreach (var stream in log)
        {
            // The newest may have grown since; one that the vault has lost is read again, if it is still there to be read.
            var isThere = sizes.TryGetValue(FileOf(stream).Path[Log.Length..], out var size);
            var isWhole = (!isThere || size == stream.SizeBytes) && await run.Writer.TryKeepAsync(run.Vault, stream, ct);
            if (isWhole)
            {
                kept.Add(stream);
            }
            else if (!isThere)
            {
                return null;
            }
        }

        var folders = earlier.Properties[Folders].Deserialize<List<TarFileName>>(JsonSerializerOptions.Web)!;
        return new StoredFiles(from, folders, kept);
    }

    /// <summary>Stores the newest base backup: files that are in the vault already take no more.</summary>
    private async Task<StoredFiles> BeginAsync(BackupRun run, string database, DatabaseArchiveState archive, CancellationToken ct)
    {
        run.Progress.Expect(run.Earlier?.SizeBytes ?? 0);
        var from = new StoredBase(archive.Base.Id, archive.Generation, archive.Base.FirstLog, archive.Base.At);
        var stored = new StoredFiles(from, [], []);
        await using var tar = await databases.ReadBaseAsync(run.Project, database, archive.Base.Id, ct);
        await using var reader = new TarReader(tar);
        while (await reader.GetNextEntryAsync(copyData: false, ct) is { } entry)
        {
            var name = new TarFileName(Data + entry.Name, (int)entry.Mode);
            if (entry.EntryType == TarEntryType.Directory)
            {
                stored.Folders.Add(name);
            }
            else if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
            {
                stored.Streams.Add(await StoreAsync(run, entry.DataStream ?? Stream.Null, entry.Length, name, ct));
            }
        }

        return stored;
    }

    private static async Task<PointStream> StoreAsync(
        BackupRun run, Stream content, long sizeBytes, TarFileName name, CancellationToken ct)
    {
        var properties = new Dictionary<string, JsonElement> { [File] = Json(name) };
        if (sizeBytes == 0)
        {
            return new PointStream(name.Path, 0, [], properties);
        }

        var stored = await run.Writer.PutStreamAsync(
            run.Vault, name.Path, sizeBytes, [new ByteRun(0, sizeBytes)], null,
            (_, _, _) => Task.FromResult<Stream>(new UnownedStream(content)), run.Progress.Advance, ct);
        return stored with { Properties = properties };
    }

    /// <summary>A stream's name is its number in the point.</summary>
    private static List<PointStream> Numbered(IEnumerable<PointStream> streams) =>
        [.. streams.Select((stream, at) => stream with { Name = at.ToString("d6", CultureInfo.InvariantCulture) })];

    private async Task<DatabaseState> MakeAsync(RestoreRun run, string name, CancellationToken ct)
    {
        if (await databases.FindAsync(run.Project, name, ct) is null)
        {
            await StageAsync(run, ct);
        }

        var settings = run.Point.Properties[Settings].Deserialize<DatabaseSettings>(JsonSerializerOptions.Web)!;
        var made = await databases.CreateAsync(run.Project, new NewDatabaseCopy(name, settings, KeyOf(run.Job), run.To), ct);
        RequireWell(made = await SettleAsync(run.Project, made, ct));
        await databases.UnstageAsync(KeyOf(run.Job), ct);
        return made;
    }

    /// <summary>Hands the point's files over, as the tar that they came as.</summary>
    private async Task StageAsync(RestoreRun run, CancellationToken ct)
    {
        run.Progress.Expect(run.Point.SizeBytes);
        var pipe = new Pipe();
        var writing = WriteAsync(run, pipe.Writer, ct);
        await databases.StageAsync(KeyOf(run.Job), pipe.Reader.AsStream(), ct);
        await writing;
    }

    /// <summary>Whatever ends it, the reader is told.</summary>
    private static async Task WriteAsync(RestoreRun run, PipeWriter to, CancellationToken ct)
    {
        try
        {
            // Points of before the log was kept beside the files hold these alone.
            var root = run.Point.Properties.ContainsKey(Base) ? "" : Data;
            await using (var tar = new TarWriter(to.AsStream(leaveOpen: true), TarEntryFormat.Pax))
            {
                foreach (var folder in run.Point.Properties[Folders].Deserialize<List<TarFileName>>(JsonSerializerOptions.Web)!)
                {
                    await tar.WriteEntryAsync(
                        new PaxTarEntry(TarEntryType.Directory, root + folder.Path) { Mode = (UnixFileMode)folder.Mode }, ct);
                }

                foreach (var stream in run.Point.Streams)
                {
                    var name = FileOf(stream);
                    await using var content = new ProgressStream(run.Vault.OpenStream(stream), run.Progress);
                    await tar.WriteEntryAsync(
                        new PaxTarEntry(TarEntryType.RegularFile, root + name.Path)
                        {
                            Mode = (UnixFileMode)name.Mode,
                            DataStream = content,
                        },
                        ct);
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

    private async Task DeleteAsync(string project, string database, CancellationToken ct)
    {
        while (!await databases.DeleteAsync(project, database, ct))
        {
            await Task.Delay(LookAgain, time, ct);
        }
    }

    private static string KeyOf(string job) => $"backup-{job}";

    private static string NameOfTry(string job) => $"try-{job}";

    private static bool IsLog(PointStream stream) => FileOf(stream).Path.StartsWith(Log, StringComparison.Ordinal);

    private static TarFileName FileOf(PointStream stream) =>
        stream.Properties![File].Deserialize<TarFileName>(JsonSerializerOptions.Web)!;

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonSerializerOptions.Web);

    /// <summary>A file or folder of a server.</summary>
    /// <param name="Mode">Its permissions.</param>
    private sealed record TarFileName(string Path, int Mode);

    /// <summary>The base backup that a point's log is replayed over.</summary>
    /// <param name="Generation">Whose log: another's does not follow.</param>
    /// <param name="At">The earliest time that the point opens.</param>
    private sealed record StoredBase(string Id, int Generation, string FirstLog, DateTimeOffset At);

    private sealed record StoredFiles(StoredBase Base, List<TarFileName> Folders, List<PointStream> Streams);
}
