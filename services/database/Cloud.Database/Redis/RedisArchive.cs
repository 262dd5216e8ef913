using System.Collections.Concurrent;
using System.Formats.Tar;
using System.Globalization;
using System.Text;
using Cloud.Database.Archive;
using Cloud.Database.Databases;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Redis;

/// <summary>
/// What Redis servers are brought back from: their log of writes, which is on the disk before anything is acknowledged, stored in pieces as
/// it grows, and as base backups the bases that the server makes when it rewrites its log.
/// </summary>
internal sealed partial class RedisArchive(
    IDbContextFactory<DatabaseDbContext> databases, IPrivateObjects objects, DatabaseOptions options, TimeProvider time)
{
    private static readonly TimeSpan RewriteLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan UsedAge = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>A log is rewritten when it has so much more than its base, so that a start does not take long.</summary>
    private const long RewriteBytesMin = 64L << 20;

    private const int LooksMax = 5;
    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode FolderMode = FileMode | UnixFileMode.UserExecute;

    private readonly ConcurrentDictionary<(DatabaseId, int), Shipment> _shipments = new();

    /// <summary>Where the parts of a log are in the archive: <c>{sequence}/{piece}</c>, in order.</summary>
    public static string PartName(long sequence) => string.Create(CultureInfo.InvariantCulture, $"{sequence:D10}/");

    /// <summary>Nobody changes which files there are until what this answers is disposed of.</summary>
    public async Task<IDisposable> HoldAsync(ManagedDatabase database, CancellationToken ct)
    {
        var shipment = ShipmentOf(database);
        await shipment.Rewriting.WaitAsync(ct);
        return new Hold(shipment.Rewriting);
    }

    /// <summary>A folder's server is about to start: it may cut off what was not whole, and what is stored is looked at anew.</summary>
    public async Task BeginAsync(ManagedDatabase database, ServerFolder folder, CancellationToken ct)
    {
        var log = new FolderLog(folder);
        if (await log.ListAsync(ct) is { Increments: [.., var last] })
        {
            AppendOnlyFile.Cut(Path.Combine(folder.Root, last.Path), null);
        }

        _shipments[KeyOf(database)] = new Shipment();
        await StoreAsync(database, log, ct);
    }

    /// <summary>Stores all that is in the log's files now, where the server says that there is more than the last time.</summary>
    /// <returns>The time up to which everything is stored.</returns>
    public async Task<DateTimeOffset> StoreNewsAsync(
        ManagedDatabase database, IRedisLog log, RedisConnection admin, CancellationToken ct)
    {
        var shipment = ShipmentOf(database);
        var now = time.GetUtcNow();
        var info = await admin.InfoAsync(ct, "server", "persistence");
        var written = $"{info["run_id"]} {info["aof_current_size"]}";
        if (shipment.Written != written)
        {
            await StoreAsync(database, log, ct);
            shipment.Written = written;
        }

        shipment.StoredAt = now;
        return now;
    }

    /// <summary>Stores all that is in the log's files now.</summary>
    /// <returns>The files.</returns>
    public async Task<RedisLogFiles> StoreAsync(ManagedDatabase database, IRedisLog log, CancellationToken ct)
    {
        var shipment = ShipmentOf(database);
        await shipment.Turn.WaitAsync(ct);
        try
        {
            for (var looks = 0; looks < LooksMax; looks++)
            {
                if (await TryStoreAsync(database, shipment, log, ct) is { } files)
                {
                    shipment.Files = files;
                    return files;
                }
            }

            throw new CloudException(ErrorKind.Unavailable, "log-changes", "The server's log changes while it is read.");
        }
        finally
        {
            shipment.Turn.Release();
        }
    }

    /// <returns>Null where the server has removed a part since, whose link is to be stored instead.</returns>
    private async Task<RedisLogFiles?> TryStoreAsync(ManagedDatabase database, Shipment shipment, IRedisLog log, CancellationToken ct)
    {
        var files = await log.ListAsync(ct);
        foreach (var part in files.Held.Concat(files.Increments))
        {
            if (!await TryShipAsync(database, shipment, log, part, ct))
            {
                return null;
            }
        }

        // Those that grow no more, and are stored whole.
        await log.DropAsync(files.Held.Where(part => part.Sequence < files.LastSequence).ToList(), ct);
        return files;
    }

    /// <summary>Up to when all was stored, as the server was asked last; null for never.</summary>
    public DateTimeOffset? StoredAt(ManagedDatabase database) => ShipmentOf(database).StoredAt;

    /// <summary>What was known of a database's servers, which are gone.</summary>
    public void Forget(DatabaseId database)
    {
        foreach (var key in _shipments.Keys.Where(key => key.Item1 == database))
        {
            _shipments.TryRemove(key, out _);
        }
    }

    /// <summary>How much of its volume a server has in use, where it was asked not long ago; else null.</summary>
    public long? UsedBytesOf(ManagedDatabase database) => ShipmentOf(database) is { StoredAt: { } at } shipment
        && time.GetUtcNow() - at < UsedAge ? shipment.Files?.UsedBytes : null;

    /// <summary>Says, in the service's database, up to which moment everything is stored; done where nothing has come since.</summary>
    public async Task SaveTimeAsync(ManagedDatabase database, DateTimeOffset at, CancellationToken ct)
    {
        var shipment = ShipmentOf(database);
        if (shipment.Stored == shipment.Saved)
        {
            return;
        }

        var stored = shipment.Stored;
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await db.ArchivedLogs.FindAsync([database.Id, database.Generation], ct);
        if (row is null)
        {
            db.ArchivedLogs.Add(
                new ArchivedLog { Database = database.Id, Generation = database.Generation, Position = stored, At = at });
        }
        else if (row.At < at)
        {
            (row.Position, row.At) = (stored, at);
        }

        await db.SaveChangesAsync(ct);
        shipment.Saved = stored;
    }

    /// <summary>It is time for a base backup: there is none, or it is old, or much was written since.</summary>
    public bool WantsBaseBackup(ManagedDatabase database, BaseBackup? newest)
    {
        if (newest is null || time.GetUtcNow() - newest.CompletedAt > options.BaseBackupAge)
        {
            return true;
        }

        return ShipmentOf(database).Files is { Base: { } @base } files && files.Increments.Sum(part => part.Length)
            > Math.Min(options.BaseBackupLogBytes, Math.Max(RewriteBytesMin, 2 * @base.Length));
    }

    /// <summary>Has the server rewrite its log, and stores the base that comes of it.</summary>
    public async Task TakeBaseBackupAsync(ManagedDatabase database, IRedisLog log, RedisConnection admin, CancellationToken ct)
    {
        using var hold = await HoldAsync(database, ct);
        var before = await StoreAsync(database, log, ct);

        // What the rewrite removes stays here until it is stored, also where this service dies meanwhile.
        await log.HoldAsync(before.Increments, ct);
        await RewriteAsync(admin, ct);
        var now = await admin.TimeAsync(ct);
        await PutUsersAsync(database, admin, ct);
        if (await StoreAsync(database, log, ct) is not { Base: { } made, Increments: [var first, ..] }
            || made.Sequence == before.Base?.Sequence)
        {
            throw new CloudException(ErrorKind.Unavailable, "rewrite-failed", "The server did not rewrite its log.");
        }

        var id = TypedId.NewValue("base", time.GetUtcNow());
        var key = ArchiveKeys.BaseOf(database.Id, database.Generation, id);
        var storedBytes = 0L;
        if (!await log.ReadAsync(
            made, 0, async (content, read) => storedBytes = await objects.PutPackedAsync(ArchiveKeys.Bucket, key, content, read), ct))
        {
            throw new CloudException(ErrorKind.Unavailable, "base-gone", "The server has rewritten its log again meanwhile.");
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        db.BaseBackups.Add(new BaseBackup
        {
            Id = id,
            Database = database.Id,
            Generation = database.Generation,
            StartPosition = first.Sequence,
            Timeline = 1,
            CompletedAt = DatabaseArchive.RoundUp(now),
            StoredBytes = storedBytes,
        });
        await db.SaveChangesAsync(ct);
    }

    /// <summary>Stores who the server's users are: after a restore they are who they were last, whatever the time.</summary>
    public async Task PutUsersAsync(ManagedDatabase database, RedisConnection admin, CancellationToken ct)
    {
        var lines = ((List<object?>)(await admin.SendAsync(ct, "ACL", "LIST"))!).Cast<string>();
        using var text = new MemoryStream(Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n"))));
        await objects.PutAsync(ArchiveKeys.Bucket, UsersKey(database.Id, database.Generation), text, ct);
    }

    /// <summary>Unpacks a base backup and the log after it, up to the end of a time's second.</summary>
    /// <param name="at">Null for all there is.</param>
    public async Task UnpackAsync(DatabaseId source, DateTimeOffset? at, IServerFiles files, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var backups = db.BaseBackups.AsNoTracking().Where(backup => backup.Database == source);
        if (at is { } limit)
        {
            backups = backups.Where(backup => backup.CompletedAt <= limit);
        }

        var chosen = await backups.OrderByDescending(backup => backup.CompletedAt).FirstOrDefaultAsync(ct)
            ?? throw CloudException.Conflict("outside-recovery-window", "No base backup is as old as that.");
        await files.UnpackAsync("data", tar => PackAsync(chosen, at, tar, ct), ct);
    }

    private async Task PackAsync(BaseBackup chosen, DateTimeOffset? at, Stream to, CancellationToken ct)
    {
        await using var tar = new TarWriter(to, leaveOpen: true);
        await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, ServerFolder.AppendOnlyName) { Mode = FolderMode }, ct);
        var @base = AppendOnlyPart.BaseOf(chosen.StartPosition);
        await using (var file = ScratchFile.Create(options))
        {
            await using var plain = await objects.OpenPackedAsync(ArchiveKeys.Bucket, chosen.Key, ct);
            await plain.CopyToAsync(file, ct);
            await AddAsync(tar, InLog(@base.Name), file, ct);
        }

        var increments = await PackIncrementsAsync(chosen, at, tar, ct);
        using var manifest = new MemoryStream(Encoding.UTF8.GetBytes(new AppendOnlyManifest(@base, increments).ToString()));
        await AddAsync(tar, InLog(AppendOnlyManifest.Name), manifest, ct);

        var usersKey = UsersKey(chosen.Database, chosen.Generation);
        await using var stored = await objects.OpenAsync(ArchiveKeys.Bucket, usersKey, ct) ?? throw DatabaseArchive.Lost(usersKey);
        using var users = new MemoryStream();
        await stored.CopyToAsync(users, ct);
        await AddAsync(tar, ServerFolder.RedisUsersName, users, ct);
    }

    private async Task<List<AppendOnlyPart>> PackIncrementsAsync(
        BaseBackup chosen, DateTimeOffset? at, TarWriter tar, CancellationToken ct)
    {
        var prefix = ArchiveKeys.LogPrefixOf(chosen.Database, chosen.Generation);
        var pieces = (await objects.ListAsync(ArchiveKeys.Bucket, prefix, ct)).Select(stored => stored.Key[prefix.Length..])
            .GroupBy(name => long.Parse(name.Split('/')[0], CultureInfo.InvariantCulture))
            .Where(part => part.Key >= chosen.StartPosition).OrderBy(part => part.Key);
        var increments = new List<AppendOnlyPart>();
        foreach (var part in pieces)
        {
            var increment = AppendOnlyPart.IncrementOf(part.Key);
            increments.Add(increment);
            await using var file = ScratchFile.Create(options);
            foreach (var piece in part.Order(StringComparer.Ordinal))
            {
                await using var stored = await objects.OpenAsync(ArchiveKeys.Bucket, prefix + piece, ct)
                    ?? throw DatabaseArchive.Lost(prefix + piece);
                await stored.CopyToAsync(file, ct);
            }

            var isLater = AppendOnlyFile.Cut(file, at?.ToUnixTimeSeconds());
            await AddAsync(tar, InLog(increment.Name), file, ct);
            if (isLater)
            {
                break;
            }
        }

        return increments;
    }

    private static async Task AddAsync(TarWriter tar, string path, Stream content, CancellationToken ct)
    {
        content.Position = 0;
        await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, path) { Mode = FileMode, DataStream = content }, ct);
    }

    private static string InLog(string name) => $"{ServerFolder.AppendOnlyName}/{name}";

    private static async Task RewriteAsync(RedisConnection admin, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(RewriteLimit);
        try
        {
            await admin.SendAsync(limit.Token, "BGREWRITEAOF");
        }
        catch (RedisException under) when (under.Message.Contains("already in progress", StringComparison.Ordinal))
        {
            // A service before this one has asked for it.
        }

        while (await admin.InfoAsync(limit.Token, "persistence") is var state
            && (state["aof_rewrite_in_progress"] != "0" || state["aof_rewrite_scheduled"] != "0"))
        {
            await Task.Delay(Pause, limit.Token);
        }
    }

    /// <summary>Stores what a part has more than the archive: the last piece again, as far as it goes, and those after it.</summary>
    /// <returns>False where the part is gone.</returns>
    private async Task<bool> TryShipAsync(
        ManagedDatabase database, Shipment shipment, IRedisLog log, RedisLogFile part, CancellationToken ct)
    {
        var prefix = ArchiveKeys.LogPrefixOf(database.Id, database.Generation) + PartName(part.Sequence);
        if (!shipment.Lengths.TryGetValue(part.Sequence, out var shipped))
        {
            shipped = await FindShippedAsync(prefix, part.Length, ct);
        }

        var isThere = shipped >= part.Length || await log.ReadAsync(part, ArchiveKeys.SegmentStart(shipped), ShipAsync, ct);
        if (isThere)
        {
            shipment.Lengths[part.Sequence] = shipped;
        }

        return isThere;

        async Task ShipAsync(Stream content, CancellationToken read)
        {
            var buffer = new byte[ArchiveKeys.SegmentBytes];
            while (shipped < part.Length)
            {
                var start = ArchiveKeys.SegmentStart(shipped);
                var count = (int)Math.Min(buffer.Length, part.Length - start);
                await content.ReadExactlyAsync(buffer.AsMemory(0, count), read);
                using var body = new MemoryStream(buffer, 0, count, writable: false);
                await objects.PutAsync(ArchiveKeys.Bucket, prefix + PieceName(start), body, read);
                shipment.Stored += start + count - shipped;
                shipped = start + count;
            }
        }
    }

    /// <summary>How much of a part is stored. What is past the part's end, or may be, is stored anew.</summary>
    private async Task<long> FindShippedAsync(string prefix, long length, CancellationToken ct)
    {
        var found = await objects.ListAsync(ArchiveKeys.Bucket, prefix, ct);
        var whole = Math.Min(found.Count == 0 ? 0 : (found.Count - 1L) * ArchiveKeys.SegmentBytes, ArchiveKeys.SegmentStart(length));
        foreach (var past in found.Where(stored => string.CompareOrdinal(stored.Key, prefix + PieceName(whole)) > 0))
        {
            await objects.DeleteAsync(ArchiveKeys.Bucket, past.Key, ct);
        }

        return whole;
    }

    private static string UsersKey(DatabaseId database, int generation) =>
        string.Create(CultureInfo.InvariantCulture, $"{database.Value}/{generation}/users.acl");

    private static string PieceName(long start) =>
        string.Create(CultureInfo.InvariantCulture, $"{start / ArchiveKeys.SegmentBytes:X8}");

    private Shipment ShipmentOf(ManagedDatabase database) => _shipments.GetOrAdd(KeyOf(database), _ => new Shipment());

    private static (DatabaseId, int) KeyOf(ManagedDatabase database) => (database.Id, database.Generation);

    /// <summary>How far the log of a generation is stored, as long as its server and this service run.</summary>
    private sealed class Shipment
    {
        public SemaphoreSlim Turn { get; } = new(1);

        public SemaphoreSlim Rewriting { get; } = new(1);

        /// <summary>By the parts' sequence, in their turn.</summary>
        public Dictionary<long, long> Lengths { get; } = [];

        public long Stored { get; set; }

        public long Saved { get; set; }

        /// <summary>As they were when all that was in them had been stored.</summary>
        public RedisLogFiles? Files { get; set; }

        public DateTimeOffset? StoredAt { get; set; }

        /// <summary>What the server said that it had written, before that was stored.</summary>
        public string? Written { get; set; }
    }

    private sealed class Hold(SemaphoreSlim held) : IDisposable
    {
        public void Dispose() => held.Release();
    }
}
