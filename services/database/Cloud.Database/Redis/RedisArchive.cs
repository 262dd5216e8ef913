using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
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
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>A log is rewritten when it has so much more than its base, so that a start does not take long.</summary>
    private const long RewriteBytesMin = 64L << 20;

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

    /// <summary>The server is about to start: it may cut off what was not whole, and what is stored is looked at anew.</summary>
    public async Task BeginAsync(ManagedDatabase database, ServerFolder folder, CancellationToken ct)
    {
        if (AppendOnlyManifestOf(folder) is { Increments: [.., var last] })
        {
            AppendOnlyFile.Cut(Path.Combine(folder.AppendOnly, last.Name), null);
        }

        _shipments[KeyOf(database)] = new Shipment();
        await StoreAsync(database, folder, ct);
    }

    /// <summary>Stores all that is in the log's files now.</summary>
    public async Task StoreAsync(ManagedDatabase database, ServerFolder folder, CancellationToken ct)
    {
        var shipment = ShipmentOf(database);
        await shipment.Turn.WaitAsync(ct);
        try
        {
            var manifest = AppendOnlyManifestOf(folder) ?? new AppendOnlyManifest(null, []);
            var last = manifest.Increments is [.., var newest] ? newest.Sequence : 0;
            foreach (var sequence in LinkedParts(folder))
            {
                var path = LinkOf(folder, sequence);
                await ShipAsync(database, shipment, sequence, path, ct);
                if (sequence < last)
                {
                    // It grows no more, and all of it is stored.
                    File.Delete(path);
                }
            }

            foreach (var part in manifest.Increments)
            {
                await ShipAsync(database, shipment, part.Sequence, Path.Combine(folder.AppendOnly, part.Name), ct);
            }
        }
        finally
        {
            shipment.Turn.Release();
        }
    }

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
    public bool WantsBaseBackup(ServerFolder folder, BaseBackup? newest)
    {
        if (newest is null || time.GetUtcNow() - newest.CompletedAt > options.BaseBackupAge)
        {
            return true;
        }

        if (AppendOnlyManifestOf(folder) is not { Base: { } @base } manifest)
        {
            return false;
        }

        var written = manifest.Increments.Sum(part => LengthOf(folder, part));
        return written > Math.Min(options.BaseBackupLogBytes, Math.Max(RewriteBytesMin, 2 * LengthOf(folder, @base)));
    }

    /// <summary>Has the server rewrite its log, and stores the base that comes of it.</summary>
    public async Task TakeBaseBackupAsync(ManagedDatabase database, ServerFolder folder, RedisConnection admin, CancellationToken ct)
    {
        using var hold = await HoldAsync(database, ct);
        await StoreAsync(database, folder, ct);
        var before = AppendOnlyManifest.Read(folder.AppendOnly);

        // What the rewrite removes stays here until it is stored, also where this service dies meanwhile.
        Directory.CreateDirectory(folder.Unarchived);
        foreach (var part in before.Increments.Where(part => !File.Exists(LinkOf(folder, part.Sequence))))
        {
            Link(Path.Combine(folder.AppendOnly, part.Name), LinkOf(folder, part.Sequence));
        }

        await RewriteAsync(admin, ct);
        var manifest = AppendOnlyManifest.Read(folder.AppendOnly);
        if (manifest is not { Base: { } made, Increments: [var first, ..] } || made.Sequence == before.Base?.Sequence)
        {
            throw new CloudException(ErrorKind.Unavailable, "rewrite-failed", "The server did not rewrite its log.");
        }

        var now = await admin.TimeAsync(ct);
        await StoreAsync(database, folder, ct);
        var id = TypedId.NewValue("base", time.GetUtcNow());
        var key = ArchiveKeys.BaseOf(database.Id, database.Generation, id);
        await PutUsersAsync(database, folder, ct);
        var storedBytes = await PutBaseAsync(key, folder, made, ct);
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
    public async Task PutUsersAsync(ManagedDatabase database, ServerFolder folder, CancellationToken ct)
    {
        await using var file = new FileStream(
            folder.RedisUsers, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        await objects.PutAsync(ArchiveKeys.Bucket, UsersKey(database.Id, database.Generation), file, ct);
    }

    /// <summary>Lays out a base backup and the log after it, up to the end of a time's second.</summary>
    /// <param name="at">Null for all there is.</param>
    public async Task LayOutAsync(DatabaseId source, DateTimeOffset? at, ServerFolder to, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var backups = db.BaseBackups.AsNoTracking().Where(backup => backup.Database == source);
        if (at is { } limit)
        {
            backups = backups.Where(backup => backup.CompletedAt <= limit);
        }

        var chosen = await backups.OrderByDescending(backup => backup.CompletedAt).FirstOrDefaultAsync(ct)
            ?? throw CloudException.Conflict("outside-recovery-window", "No base backup is as old as that.");
        Directory.CreateDirectory(to.AppendOnly);
        var @base = AppendOnlyPart.BaseOf(chosen.StartPosition);
        await using (var packed = await objects.OpenAsync(ArchiveKeys.Bucket, chosen.Key, ct) ?? throw DatabaseArchive.Lost(chosen.Key))
        {
            await using var plain = new GZipStream(packed, CompressionMode.Decompress);
            await using var file = new FileStream(Path.Combine(to.AppendOnly, @base.Name), FileMode.Create, FileAccess.Write);
            await plain.CopyToAsync(file, ct);
            file.Flush(flushToDisk: true);
        }

        var usersKey = UsersKey(source, chosen.Generation);
        await using (var users = await objects.OpenAsync(ArchiveKeys.Bucket, usersKey, ct) ?? throw DatabaseArchive.Lost(usersKey))
        {
            await using var file = new FileStream(to.RedisUsers, FileMode.Create, FileAccess.Write);
            await users.CopyToAsync(file, ct);
        }

        var increments = await LayOutIncrementsAsync(chosen, at, to, ct);
        new AppendOnlyManifest(@base, increments).Write(to.AppendOnly);
    }

    private async Task<List<AppendOnlyPart>> LayOutIncrementsAsync(
        BaseBackup chosen, DateTimeOffset? at, ServerFolder to, CancellationToken ct)
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
            var path = Path.Combine(to.AppendOnly, increment.Name);
            await using (var file = new FileStream(path, FileMode.Create, FileAccess.Write))
            {
                foreach (var piece in part.Order(StringComparer.Ordinal))
                {
                    await using var stored = await objects.OpenAsync(ArchiveKeys.Bucket, prefix + piece, ct)
                        ?? throw DatabaseArchive.Lost(prefix + piece);
                    await stored.CopyToAsync(file, ct);
                }
            }

            if (AppendOnlyFile.Cut(path, at?.ToUnixTimeSeconds()))
            {
                break;
            }
        }

        return increments;
    }

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

    private async Task<long> PutBaseAsync(string key, ServerFolder folder, AppendOnlyPart part, CancellationToken ct)
    {
        await using var file = new FileStream(
            Path.Combine(folder.AppendOnly, part.Name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return await objects.PutPackedAsync(ArchiveKeys.Bucket, key, file, ct);
    }

    /// <summary>Stores what a part has more than the archive: the last piece again, as far as it goes, and those after it.</summary>
    private async Task ShipAsync(ManagedDatabase database, Shipment shipment, long sequence, string path, CancellationToken ct)
    {
        var prefix = ArchiveKeys.LogPrefixOf(database.Id, database.Generation) + PartName(sequence);
        FileStream part;
        try
        {
            part = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException)
        {
            // The server has removed it since: its link is stored instead.
            return;
        }

        await using (part)
        {
            if (!shipment.Lengths.TryGetValue(sequence, out var shipped))
            {
                shipped = await FindShippedAsync(prefix, part.Length, ct);
            }

            var buffer = shipped < part.Length ? new byte[ArchiveKeys.SegmentBytes] : [];
            while (shipped < part.Length)
            {
                var start = ArchiveKeys.SegmentStart(shipped);
                part.Position = start;
                var count = await part.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, ct);
                using var body = new MemoryStream(buffer, 0, count, writable: false);
                await objects.PutAsync(ArchiveKeys.Bucket, prefix + PieceName(start), body, ct);
                shipment.Stored += start + count - shipped;
                shipped = start + count;
            }

            shipment.Lengths[sequence] = shipped;
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

    private static AppendOnlyManifest? AppendOnlyManifestOf(ServerFolder folder) =>
        Directory.Exists(folder.AppendOnly) ? AppendOnlyManifest.Read(folder.AppendOnly) : null;

    private static long LengthOf(ServerFolder folder, AppendOnlyPart part) =>
        new FileInfo(Path.Combine(folder.AppendOnly, part.Name)) is { Exists: true } file ? file.Length : 0;

    private static string LinkOf(ServerFolder folder, long sequence) =>
        Path.Combine(folder.Unarchived, sequence.ToString(CultureInfo.InvariantCulture));

    private static IEnumerable<long> LinkedParts(ServerFolder folder) => Directory.Exists(folder.Unarchived)
        ? Directory.GetFiles(folder.Unarchived).Select(path => long.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)).Order()
        : [];

    private static void Link(string from, string to)
    {
        if (HardLink(from, to) != 0)
        {
            throw new IOException($"'{from}' cannot be linked: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int HardLink(string from, string to);

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
    }

    private sealed class Hold(SemaphoreSlim held) : IDisposable
    {
        public void Dispose() => held.Release();
    }
}
