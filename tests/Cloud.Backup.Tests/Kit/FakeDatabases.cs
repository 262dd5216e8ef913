using System.Collections.Concurrent;
using System.Formats.Tar;
using Cloud.Database.Contracts;

namespace Cloud.Backup.Tests.Kit;

/// <summary>
/// Databases that are files in memory: a base backup is a copy of them, the log what a test appends to it. A copy has its files below
/// <c>data/</c> and <c>wal/</c>, as they were handed over.
/// </summary>
internal sealed class FakeDatabases : IDatabases
{
    private readonly ConcurrentDictionary<string, DatabaseState> _databases = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Dictionary<string, byte[]>> _files = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Dictionary<string, byte[]>> _before = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Dictionary<string, byte[]>> _staged = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Archive> _archives = new(StringComparer.Ordinal);
    private int _ids;

    /// <summary>What was read, each as the database and the name of a base backup or of a file of the log.</summary>
    public ConcurrentQueue<string> Reads { get; } = new();

    /// <summary>To which time each database was made or brought back; null for all.</summary>
    public ConcurrentDictionary<string, DateTimeOffset?> RestoredTo { get; } = new(StringComparer.Ordinal);

    /// <summary>What the next checks answer.</summary>
    public string? Wrong { get; set; }

    public ICollection<string> Staged => _staged.Keys;

    public IEnumerable<string> Names => _databases.Values.Select(database => database.Name);

    public string Add(string name, Dictionary<string, byte[]> files, string? origin = null)
    {
        var id = $"db-{Interlocked.Increment(ref _ids):00000000000000000000000000}";
        _files[id] = files;
        _archives[id] = new Archive([], new SortedList<string, byte[]>(StringComparer.Ordinal));
        TakeBase(id);
        _databases[id] = new DatabaseState(
            id, name, DatabaseState.Available, null, true, origin,
            new DatabaseSettings { Type = "db-small", SizeBytes = 1 << 30, AdminPassword = "admin", OwnerPassword = "owner" });
        return id;
    }

    public Dictionary<string, byte[]> FilesOf(string id) => _files[id];

    public Task<DatabaseState?> FindAsync(string project, string database, CancellationToken ct) =>
        Task.FromResult(_databases.Values.FirstOrDefault(one => one.Id == database || one.Name == database));

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>([]);

    public Task<DatabaseArchiveState> ReadArchiveAsync(string project, string database, CancellationToken ct)
    {
        var archive = _archives[database];
        return Task.FromResult(new DatabaseArchiveState(
            1, archive.Bases[^1].Row, [.. archive.Log.Select(file => new DatabaseLogFile(file.Key, file.Value.Length))], Now()));
    }

    public async Task<Stream> ReadBaseAsync(string project, string database, string backup, CancellationToken ct)
    {
        Reads.Enqueue($"{database} {backup}");
        var stream = new MemoryStream();
        await using (var tar = new TarWriter(stream, TarEntryFormat.Ustar, leaveOpen: true))
        {
            await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.Directory, "base/"), ct);
            foreach (var (name, bytes) in _archives[database].Bases.Single(one => one.Row.Id == backup).Files)
            {
                await tar.WriteEntryAsync(
                    new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(bytes) }, ct);
            }
        }

        stream.Position = 0;
        return stream;
    }

    public Task<Stream> ReadLogAsync(string project, string database, int generation, string name, CancellationToken ct)
    {
        Reads.Enqueue($"{database} {name}");
        return Task.FromResult<Stream>(new MemoryStream(_archives[database].Log[name]));
    }

    /// <summary>Has a base backup made of what the database holds.</summary>
    public void TakeBase(string database)
    {
        var archive = _archives[database];
        var first = archive.Log.Count == 0 ? NameOfLog(1) : archive.Log.Keys.Last();
        archive.Bases.Add((
            new DatabaseBase($"base-{archive.Bases.Count + 1}", first, Now()),
            _files[database].ToDictionary(file => file.Key, file => file.Value.ToArray())));
    }

    /// <summary>Has the database write a file of its log, or more of it.</summary>
    public void Write(string database, int number, byte[] bytes) => _archives[database].Log[NameOfLog(number)] = bytes;

    /// <summary>What the archive forgets before a file of the log.</summary>
    public void Trim(string database, int number)
    {
        for (var gone = 1; gone < number; gone++)
        {
            _archives[database].Log.Remove(NameOfLog(gone));
        }
    }

    public static string NameOfLog(int number) => $"{number:X24}";

    public async Task StageAsync(string key, Stream tar, CancellationToken ct)
    {
        var files = new Dictionary<string, byte[]>();
        await using var reader = new TarReader(tar);
        while (await reader.GetNextEntryAsync(cancellationToken: ct) is { } entry)
        {
            if (entry.EntryType != TarEntryType.Directory)
            {
                using var bytes = new MemoryStream();
                await (entry.DataStream ?? Stream.Null).CopyToAsync(bytes, ct);
                files[entry.Name] = bytes.ToArray();
            }
        }

        _staged[key] = files;
    }

    public Task UnstageAsync(string key, CancellationToken ct)
    {
        _staged.TryRemove(key, out _);
        return Task.CompletedTask;
    }

    public async Task<DatabaseState> CreateAsync(string project, NewDatabaseCopy copy, CancellationToken ct) =>
        await FindAsync(project, copy.Name, ct) ?? Made(copy);

    public Task<DatabaseState> RestoreAsync(
        string project, string database, string staged, DateTimeOffset? to, CancellationToken ct)
    {
        RestoredTo[database] = to;
        (_before[database], _files[database]) = (_files[database], _staged[staged]);
        return Task.FromResult(_databases[database]);
    }

    public Task<DatabaseState> UndoRestoreAsync(string project, string database, CancellationToken ct)
    {
        _files[database] = _before[database];
        return Task.FromResult(_databases[database]);
    }

    public Task<string?> CheckAsync(string project, string database, CancellationToken ct) => Task.FromResult(Wrong);

    public async Task<bool> DeleteAsync(string project, string database, CancellationToken ct)
    {
        if (await FindAsync(project, database, ct) is { } found)
        {
            _databases.TryRemove(found.Id, out _);
        }

        return true;
    }

    private DatabaseState Made(NewDatabaseCopy copy)
    {
        var id = Add(copy.Name, _staged[copy.Staged], copy.Staged);
        RestoredTo[id] = copy.To;
        return _databases[id];
    }

    /// <summary>In whole milliseconds, as answers say it.</summary>
    private static DateTimeOffset Now() =>
        DateTimeOffset.FromUnixTimeMilliseconds(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());

    private sealed record Archive(
        List<(DatabaseBase Row, Dictionary<string, byte[]> Files)> Bases, SortedList<string, byte[]> Log);
}
