using System.Collections.Concurrent;
using System.Formats.Tar;
using Cloud.Database.Contracts;

namespace Cloud.Backup.Tests.Kit;

/// <summary>Databases that are files in memory.</summary>
internal sealed class FakeDatabases : IDatabases
{
    private readonly ConcurrentDictionary<string, DatabaseState> _databases = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Dictionary<string, byte[]>> _files = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Dictionary<string, byte[]>> _before = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Dictionary<string, byte[]>> _staged = new(StringComparer.Ordinal);
    private int _ids;

    /// <summary>What the next checks answer.</summary>
    public string? Wrong { get; set; }

    public ICollection<string> Staged => _staged.Keys;

    public IEnumerable<string> Names => _databases.Values.Select(database => database.Name);

    public string Add(string name, Dictionary<string, byte[]> files, string? origin = null)
    {
        var id = $"db-{Interlocked.Increment(ref _ids):00000000000000000000000000}";
        _files[id] = files;
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

    public async Task<Stream> ReadAsync(string project, string database, CancellationToken ct)
    {
        var stream = new MemoryStream();
        await using (var tar = new TarWriter(stream, TarEntryFormat.Ustar, leaveOpen: true))
        {
            await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.Directory, "base/"), ct);
            foreach (var (name, bytes) in _files[database])
            {
                await tar.WriteEntryAsync(
                    new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(bytes) }, ct);
            }
        }

        stream.Position = 0;
        return stream;
    }

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
        await FindAsync(project, copy.Name, ct) ?? _databases[Add(copy.Name, _staged[copy.Staged], copy.Staged)];

    public Task<DatabaseState> RestoreAsync(string project, string database, string staged, CancellationToken ct)
    {
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
}
