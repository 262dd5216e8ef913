using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.IO.Pipelines;
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
        var id = TypedId.NewValue("base", time.GetUtcNow());
        var key = ArchiveKeys.BaseOf(database.Id, database.Generation, id);
        var stored = new CountedStream();
        await ReadServerAsync(database, tar => UploadAsync(key, tar, stored, ct), withLog: false, ct);

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
            StoredBytes = stored.Length,
        });
        await db.SaveChangesAsync(ct);
    }

    /// <summary>Lays out what a server holds now, copied from the server itself: it recovers by the log that comes with it.</summary>
    public Task CopyAsync(ManagedDatabase source, ServerFolder to, CancellationToken ct) => FillAsync(
        to, unfinished => ReadServerAsync(source, tar => ExtractAsync(tar, unfinished.Data, ct), withLog: true, ct));

    /// <summary>What a server's files are now, as a tar, with the log that makes them consistent.</summary>
    public Task ReadAsync(ManagedDatabase source, Func<Stream, Task> read, CancellationToken ct) =>
        ReadServerAsync(source, read, withLog: true, ct);

    /// <summary>Keeps such a tar. Durable when this returns.</summary>
    public Task StageAsync(string key, Stream tar, CancellationToken ct) =>
        objects.PutAsync(ArchiveKeys.Bucket, ArchiveKeys.StagedOf(key), tar, ct);

    /// <summary>Lays out what was staged: the server recovers by the log in it.</summary>
    public Task LayOutAsync(string key, ServerFolder to, CancellationToken ct) => FillAsync(to, async unfinished =>
    {
        await using var tar = await objects.OpenAsync(ArchiveKeys.Bucket, ArchiveKeys.StagedOf(key), ct)
            ?? throw CloudException.NotFound("staged database", key);
        await ExtractAsync(tar, unfinished.Data, ct);
    });

    public Task UnstageAsync(string key, CancellationToken ct) =>
        objects.DeleteAsync(ArchiveKeys.Bucket, ArchiveKeys.StagedOf(key), ct);

    /// <summary>Lays out a base backup and the log after it, and has the server stop replaying it at a time.</summary>
    /// <param name="source">Whose archive.</param>
    /// <param name="time">A time of the recovery window; null for all there is.</param>
    public async Task RestoreAsync(DatabaseId source, DateTimeOffset? time, ServerFolder to, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var backups = db.BaseBackups.AsNoTracking().Where(backup => backup.Database == source);
        if (time is { } limit)
        {
            backups = backups.Where(backup => backup.CompletedAt <= limit);
        }

        var chosen = await backups.OrderByDescending(backup => backup.CompletedAt).FirstOrDefaultAsync(ct)
            ?? throw CloudException.Conflict("outside-recovery-window", "No base backup is as old as that.");
        await FillAsync(to, async unfinished =>
        {
            await using (var tar = await objects.OpenAsync(ArchiveKeys.Bucket, chosen.Key, ct) ?? throw Lost(chosen.Key))
            {
                await using var plain = new GZipStream(tar, CompressionMode.Decompress);
                await ExtractAsync(plain, unfinished.Data, ct);
            }

            await LayOutLogAsync(chosen, unfinished.Replayed, ct);
            await File.WriteAllTextAsync(unfinished.Recovery, ServerSettings.Recovery(time), ct);
            await File.WriteAllTextAsync(unfinished.RecoverySignal, "", ct);
        });
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
    public async Task TrimAsync(DatabaseId database, DateTimeOffset windowStart, CancellationToken ct)
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
            await objects.DeleteAsync(ArchiveKeys.Bucket, overtaken.Key, ct);
        }

        var kept = backups.Take(oldest + 1).ToList();
        foreach (var generation in backups.Select(backup => backup.Generation).Distinct())
        {
            var first = kept.Where(backup => backup.Generation == generation).MinBy(backup => backup.StartPosition);
            var prefix = ArchiveKeys.LogPrefixOf(database, generation);
            var needed = first is null ? null : prefix + ArchiveKeys.SegmentName(first.Timeline, first.StartPosition);
            foreach (var segment in await objects.ListAsync(ArchiveKeys.Bucket, prefix, ct))
            {
                if (needed is null || string.CompareOrdinal(segment.Key, needed) < 0)
                {
                    await objects.DeleteAsync(ArchiveKeys.Bucket, segment.Key, ct);
                }
            }
        }
    }

    private async Task ReadServerAsync(ManagedDatabase database, Func<Stream, Task> read, bool withLog, CancellationToken ct)
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

    private async Task UploadAsync(string key, Stream tar, CountedStream stored, CancellationToken ct)
    {
        var pipe = new Pipe();
        var storing = objects.PutAsync(ArchiveKeys.Bucket, key, pipe.Reader.AsStream(), ct);
        try
        {
            stored.To = pipe.Writer.AsStream(leaveOpen: true);
            await using (var packed = new GZipStream(stored, CompressionLevel.Fastest, leaveOpen: true))
            {
                await tar.CopyToAsync(packed, ct);
            }

            await pipe.Writer.CompleteAsync();
        }
        catch (Exception failed)
        {
            // Half a backup must not become an object.
            await pipe.Writer.CompleteAsync(failed);
            throw;
        }
        finally
        {
            await ((Task)storing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await storing;
    }

    /// <summary>Fills a folder that appears whole, or not at all.</summary>
    private static async Task FillAsync(ServerFolder to, Func<ServerFolder, Task> fill)
    {
        if (to.IsMade)
        {
            return;
        }

        var unfinished = to.Unfinished;
        if (Directory.Exists(unfinished.Root))
        {
            Directory.Delete(unfinished.Root, recursive: true);
        }

        Directory.CreateDirectory(unfinished.Data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await fill(unfinished);
        Directory.Move(unfinished.Root, to.Root);
    }

    private static Task ExtractAsync(Stream tar, string folder, CancellationToken ct) =>
        TarFile.ExtractToDirectoryAsync(tar, folder, overwriteFiles: true, ct);

    private async Task LayOutLogAsync(BaseBackup backup, string folder, CancellationToken ct)
    {
        Directory.CreateDirectory(folder);
        var prefix = ArchiveKeys.LogPrefixOf(backup.Database, backup.Generation);
        var first = ArchiveKeys.SegmentName(backup.Timeline, backup.StartPosition);
        foreach (var segment in await objects.ListAsync(ArchiveKeys.Bucket, prefix, ct))
        {
            var name = segment.Key[prefix.Length..];
            if (string.CompareOrdinal(name, first) < 0)
            {
                continue;
            }

            await using var stored = await objects.OpenAsync(ArchiveKeys.Bucket, segment.Key, ct) ?? throw Lost(segment.Key);
            await using var file = new FileStream(Path.Combine(folder, name), FileMode.Create, FileAccess.Write);
            await stored.CopyToAsync(file, ct);

            // Of the newest there may be only the beginning: the rest is as the server would have it, zeros.
            file.SetLength(ArchiveKeys.SegmentBytes);
        }
    }

    private static DateTimeOffset RoundUp(DateTimeOffset at) =>
        new((at.UtcTicks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond, TimeSpan.Zero);

    private static CloudException Lost(string key) =>
        new(ErrorKind.Unavailable, "archive-incomplete", $"The archive's object {key} is not there.");

    /// <summary>Counts what goes through it.</summary>
    private sealed class CountedStream : Stream
    {
        private long _length;

        public Stream To { get; set; } = Null;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _length;

        public override long Position { get => _length; set => throw new NotSupportedException(); }

        public override void Flush() => To.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => To.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count)
        {
            To.Write(buffer, offset, count);
            _length += count;
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await To.WriteAsync(buffer, cancellationToken);
            _length += buffer.Length;
        }
    }
}
