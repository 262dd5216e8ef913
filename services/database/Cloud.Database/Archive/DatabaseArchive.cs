using System.Formats.Tar;
using System.Globalization;
using Cloud.Database.Contracts;
using Cloud.Database.Databases;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Archive;

/// <summary>
/// What databases are brought back from: base backups and the write-ahead log, in a private bucket of the object storage. A generation of a
/// database has a log of its own, so that a restore in place neither overwrites nor continues what was before it.
/// </summary>
internal sealed class DatabaseArchive(
    IDbContextFactory<DatabaseDbContext> databases, IPrivateObjects objects, ServerPrograms programs, ServerConnections connections,
    LogArchivers archivers, TimeProvider time)
{
    /// <summary>Takes a base backup of a server that runs and whose log is being archived. When this returns it can be restored.</summary>
    public async Task TakeBaseBackupAsync(ManagedDatabase database, CancellationToken ct)
    {
        var archiver = archivers.Find(database)
            ?? throw new CloudException(ErrorKind.Unavailable, "log-not-archived", "The server's log is not being archived yet.");
        await using var admin = await connections.OpenAsync(database, ct);
        var start = await admin.LogPositionAsync(ct);

        // Before its slot is there the server keeps no log for the archive, and a checkpoint, which a backup begins with, lets it go.
        await archiver.StoreAsync(start, ct);
        var id = TypedId.NewValue("base", time.GetUtcNow());
        var key = ArchiveKeys.BaseOf(database.Id, database.Generation, id);
        var storedBytes = 0L;
        await ReadServerAsync(
            database, async tar => storedBytes = await objects.PutPackedAsync(ArchiveKeys.Bucket, key, tar, ct), withLog: false, ct);

        // The backup ends somewhere before this place of the log, at some time before this one.
        var (end, now) = await admin.PositionAndTimeAsync(ct);
        await archiver.StoreAsync(end, ct);
        await using var db = await databases.CreateDbContextAsync(ct);
        db.BaseBackups.Add(new BaseBackup
        {
            Id = id,
            Database = database.Id,
            Generation = database.Generation,
            StartPosition = start,
            Timeline = archiver.Timeline,
            CompletedAt = RoundUp(now),
            StoredBytes = storedBytes,
        });
        await db.SaveChangesAsync(ct);
    }

    /// <summary>The newest base backup and the log.</summary>
    /// <param name="storedTo">The time up to which everything is stored; null where only the archive knows.</param>
    public async Task<DatabaseArchiveState> DescribeAsync(ManagedDatabase database, DateTimeOffset? storedTo, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var newest = await db.BaseBackups.AsNoTracking().Where(
            backup => backup.Database == database.Id && backup.Generation == database.Generation)
            .OrderByDescending(backup => backup.CompletedAt).FirstOrDefaultAsync(ct)
            ?? throw new CloudException(
                ErrorKind.Unavailable, "no-recovery-window", $"Database '{database.Name}' has no base backup yet.");
        var at = storedTo ?? await db.ArchivedLogs.AsNoTracking().Where(log => log.Database == database.Id)
            .OrderByDescending(log => log.At).Select(log => (DateTimeOffset?)log.At).FirstOrDefaultAsync(ct);

        var prefix = ArchiveKeys.LogPrefixOf(database.Id, database.Generation);
        var log = await objects.ListAsync(ArchiveKeys.Bucket, prefix, ct);
        return new DatabaseArchiveState(
            database.Generation,
            new DatabaseBase(newest.Id, ArchiveKeys.SegmentName(newest.Timeline, newest.StartPosition), newest.CompletedAt),
            [.. log.Select(one => new DatabaseLogFile(one.Key[prefix.Length..], one.SizeBytes))],
            at > newest.CompletedAt ? at.Value : newest.CompletedAt);
    }

    /// <summary>The tar of a base backup.</summary>
    public async Task<Stream> OpenBaseAsync(DatabaseId database, string backup, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var found = await db.BaseBackups.AsNoTracking().SingleOrDefaultAsync(one => one.Database == database && one.Id == backup, ct)
            ?? throw CloudException.NotFound("base backup", backup);
        return await objects.OpenPackedAsync(ArchiveKeys.Bucket, found.Key, ct);
    }

    /// <summary>A file of the log, as far as it is stored.</summary>
    public async Task<Stream> OpenLogAsync(DatabaseId database, int generation, string name, CancellationToken ct)
    {
        var key = ArchiveKeys.LogPrefixOf(database, generation) + name;
        return await objects.OpenAsync(ArchiveKeys.Bucket, key, ct) ?? throw CloudException.NotFound("log file", name);
    }

    /// <summary>Keeps the tar of a server's folder. Durable when this returns.</summary>
    public Task StageAsync(string key, Stream tar, CancellationToken ct) =>
        objects.PutAsync(ArchiveKeys.Bucket, ArchiveKeys.StagedOf(key), tar, ct);

    /// <summary>Unpacks what was staged: the files of a server, and the log to be replayed over them, if any.</summary>
    public async Task UnpackStagedAsync(string key, IServerFiles files, CancellationToken ct)
    {
        await using var tar = await objects.OpenAsync(ArchiveKeys.Bucket, ArchiveKeys.StagedOf(key), ct)
            ?? throw CloudException.NotFound("staged database", key);
        await files.UnpackAsync("", tar, ct);
    }

    public Task UnstageAsync(string key, CancellationToken ct) =>
        objects.DeleteAsync(ArchiveKeys.Bucket, ArchiveKeys.StagedOf(key), ct);

    /// <summary>Unpacks the base backup that was complete last before a time, and all log after it.</summary>
    /// <param name="source">Whose archive.</param>
    /// <param name="time">A time of the recovery window; null for all there is.</param>
    public async Task UnpackAsync(DatabaseId source, DateTimeOffset? time, IServerFiles files, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var backups = db.BaseBackups.AsNoTracking().Where(backup => backup.Database == source);
        if (time is { } limit)
        {
            backups = backups.Where(backup => backup.CompletedAt <= limit);
        }

        var chosen = await backups.OrderByDescending(backup => backup.CompletedAt).FirstOrDefaultAsync(ct)
            ?? throw CloudException.Conflict("outside-recovery-window", "No base backup is as old as that.");
        await using (var tar = await objects.OpenPackedAsync(ArchiveKeys.Bucket, chosen.Key, ct))
        {
            await files.UnpackAsync("data", tar, ct);
        }

        var prefix = ArchiveKeys.LogPrefixOf(chosen.Database, chosen.Generation);
        var first = ArchiveKeys.SegmentName(chosen.Timeline, chosen.StartPosition);
        await files.UnpackAsync("wal", tar => PackLogAsync(prefix, first, tar, ct), ct);
    }

    /// <summary>Stores all that a server that runs has written to its log until now. From then on it keeps what is not stored.</summary>
    public async Task StoreLogAsync(ManagedDatabase source, CancellationToken ct)
    {
        var archiver = archivers.Find(source)
            ?? throw new CloudException(ErrorKind.Unavailable, "log-not-archived", "The server's log is not being archived yet.");
        await using var admin = await connections.OpenAsync(source, ct);
        await archiver.StoreAsync(await admin.LogPositionAsync(ct), ct);
    }

    /// <summary>Unpacks the log of a server that runs: all of it until now, from a file on.</summary>
    public async Task UnpackLogAsync(ManagedDatabase source, string first, IServerFiles files, CancellationToken ct)
    {
        await StoreLogAsync(source, ct);
        var prefix = ArchiveKeys.LogPrefixOf(source.Id, source.Generation);
        if ((await objects.ListAsync(ArchiveKeys.Bucket, prefix, ct)).All(segment => segment.Key != prefix + first))
        {
            throw Lost(prefix + first);
        }

        await files.UnpackAsync("wal", tar => PackLogAsync(prefix, first, tar, ct), ct);
    }

    /// <summary>Removes all of a database that is stored.</summary>
    public async Task ForgetAsync(DatabaseId database, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await db.BaseBackups.Where(backup => backup.Database == database).ExecuteDeleteAsync(ct);
        await db.ArchivedLogs.Where(log => log.Database == database).ExecuteDeleteAsync(ct);
        foreach (var stored in await objects.ListAsync(ArchiveKeys.Bucket, ArchiveKeys.PrefixOf(database), ct))
        {
            await objects.DeleteAsync(ArchiveKeys.Bucket, stored.Key, ct);
        }
    }

    /// <summary>Removes what no time of the window needs: backups that a later one has overtaken, and the log before the oldest.</summary>
    public async Task TrimAsync(
        DatabaseId database, Func<BaseBackup, string> firstLogName, DateTimeOffset windowStart, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var backups = await db.BaseBackups.Where(backup => backup.Database == database)
            .OrderByDescending(backup => backup.CompletedAt).ToListAsync(ct);
        var oldest = backups.FindIndex(backup => backup.CompletedAt <= windowStart);
        if (oldest < 0 || oldest == backups.Count - 1)
        {
            return;
        }

        foreach (var overtaken in backups.Skip(oldest + 1))
        {
            db.BaseBackups.Remove(overtaken);
            await db.SaveChangesAsync(ct);
            await objects.DeletePackedAsync(ArchiveKeys.Bucket, overtaken.Key, ct);
        }

        var kept = backups.Take(oldest + 1).ToList();
        foreach (var generation in backups.Select(backup => backup.Generation).Distinct())
        {
            var first = kept.Where(backup => backup.Generation == generation).MinBy(backup => backup.StartPosition);
            var prefix = ArchiveKeys.LogPrefixOf(database, generation);
            var needed = first is null ? null : prefix + firstLogName(first);
            foreach (var segment in await objects.ListAsync(ArchiveKeys.Bucket, prefix, ct))
            {
                if (needed is null || string.CompareOrdinal(segment.Key, needed) < 0)
                {
                    await objects.DeleteAsync(ArchiveKeys.Bucket, segment.Key, ct);
                }
            }
        }
    }

    /// <summary>The files of a server that runs, as a tar; with the log that makes them consistent it is a server of its own.</summary>
    public async Task ReadServerAsync(ManagedDatabase database, Func<Stream, Task> read, bool withLog, CancellationToken ct)
    {
        var environment = new Dictionary<string, string>
        {
            ["PGPASSWORD"] = connections.AdminPassword(database),
            ["PGSSLMODE"] = "require",
        };
        await programs.StreamAsync(
            "pg_basebackup",
            [
                "--host=127.0.0.1", $"--port={database.Port.ToString(CultureInfo.InvariantCulture)}", $"--username={ServerSettings.Admin}",
                "--no-password", "--pgdata=-", "--format=tar", $"--wal-method={(withLog ? "fetch" : "none")}", "--checkpoint=fast",
            ],
            environment, read, ct);
    }

    private async Task PackLogAsync(string prefix, string first, Stream to, CancellationToken ct)
    {
        await using var tar = new TarWriter(to, TarEntryFormat.Ustar, leaveOpen: true);
        var segments = (await objects.ListAsync(ArchiveKeys.Bucket, prefix, ct))
            .Where(segment => string.CompareOrdinal(segment.Key[prefix.Length..], first) >= 0).ToList();

        // While one is written the next is read.
        var next = segments.Count > 0 ? ReadAsync(segments[0]) : null;
        for (var at = 0; next is not null; at++)
        {
            using var content = await next;
            next = at + 1 < segments.Count ? ReadAsync(segments[at + 1]) : null;
            try
            {
                var name = segments[at].Key[prefix.Length..];
                await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = content }, ct);
            }
            catch (Exception) when (next is not null)
            {
                await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw;
            }
        }

        async Task<MemoryStream> ReadAsync(PrivateObject segment)
        {
            await using var stored = await objects.OpenAsync(ArchiveKeys.Bucket, segment.Key, ct) ?? throw Lost(segment.Key);
            var content = new MemoryStream((int)segment.SizeBytes);
            await stored.CopyToAsync(content, ct);
            content.Position = 0;
            return content;
        }
    }

    /// <summary>To whole milliseconds.</summary>
    public static DateTimeOffset RoundUp(DateTimeOffset at) =>
        new((at.UtcTicks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond, TimeSpan.Zero);

    public static CloudException Lost(string key) =>
        new(ErrorKind.Unavailable, "archive-incomplete", $"The archive's object {key} is not there.");
}
