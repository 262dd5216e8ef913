namespace Cloud.Database.Contracts;

/// <summary>
/// Databases as the backup service reads and makes them, each call for a project: in this process, or over HTTP
/// (<see cref="HttpDatabases"/>). A refusal is a <c>CloudException</c>. What takes longer is begun and answered as it stands: ask again.
/// </summary>
public interface IDatabases
{
    /// <summary>A database of the project by id or name; null where there is none.</summary>
    Task<DatabaseState?> FindAsync(string project, string database, CancellationToken ct);

    /// <summary>The ids of the project's databases that carry all of these labels.</summary>
    Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct);

    /// <summary>What a database is brought back from: of a server that runs, all that was committed until now is stored first.</summary>
    Task<DatabaseArchiveState> ReadArchiveAsync(string project, string database, CancellationToken ct);

    /// <summary>The files of a base backup: a tar. Whoever asks disposes of the stream; one that ends early has failed.</summary>
    Task<Stream> ReadBaseAsync(string project, string database, string backup, CancellationToken ct);

    /// <summary>A file of the log, as far as it is written. Whoever asks disposes of the stream.</summary>
    Task<Stream> ReadLogAsync(string project, string database, int generation, string name, CancellationToken ct);

    /// <summary>
    /// Keeps a tar for a database to be made of, in the place of what is there under the key: the files of a server below <c>data/</c>, and
    /// the log to be replayed over them, if any, below <c>wal/</c>.
    /// </summary>
    Task StageAsync(string key, Stream tar, CancellationToken ct);

    /// <summary>Removes what was staged; done where there is none.</summary>
    Task UnstageAsync(string key, CancellationToken ct);

    /// <summary>Makes a database of what is staged; one of this name that was made of the same is answered as it is.</summary>
    Task<DatabaseState> CreateAsync(string project, NewDatabaseCopy copy, CancellationToken ct);

    /// <summary>Has a database go on from what is staged, and keeps what it is now: asked again for the same, nothing is done.</summary>
    /// <param name="to">Every commit up to this time, and none after; null for all that the staged log holds.</param>
    Task<DatabaseState> RestoreAsync(string project, string database, string staged, DateTimeOffset? to, CancellationToken ct);

    /// <summary>Brings a database back to what it was before.</summary>
    Task<DatabaseState> UndoRestoreAsync(string project, string database, CancellationToken ct);

    /// <summary>Has a server's own programs check all that it holds (<c>pg_amcheck</c>, <c>redis-check-aof</c>).</summary>
    /// <returns>Null where all is well; else what is not.</returns>
    Task<string?> CheckAsync(string project, string database, CancellationToken ct);

    /// <summary>Removes a database and its archive; false while that is under way, true also where there is none.</summary>
    Task<bool> DeleteAsync(string project, string database, CancellationToken ct);
}

/// <summary>A database.</summary>
/// <param name="Status">As the API says it: <c>available</c>, <c>stopped</c>, …</param>
/// <param name="Settled">Nothing is under way.</param>
/// <param name="Origin">What it was made of, as it was staged; null for another origin.</param>
public sealed record DatabaseState(
    string Id, string Name, string Status, string? StatusReason, bool Settled, string? Origin, DatabaseSettings Settings)
{
    public const string Available = "available";
}

/// <summary>How a database was asked for, and what opens a copy of it.</summary>
public sealed record DatabaseSettings
{
    /// <summary>What kind of server it is; null for PostgreSQL.</summary>
    public string? Engine { get; init; }

    public required string Type { get; init; }

    public required long SizeBytes { get; init; }

    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>The password of the service's own superuser in the files.</summary>
    public required string AdminPassword { get; init; }

    /// <summary>The password of the owner: that of a copy is the same.</summary>
    public required string OwnerPassword { get; init; }
}

/// <summary>A database to make of what is staged.</summary>
/// <param name="To">Every commit up to this time, and none after; null for all that the staged log holds.</param>
public sealed record NewDatabaseCopy(string Name, DatabaseSettings Settings, string Staged, DateTimeOffset? To = null);

/// <summary>What is stored of a database.</summary>
/// <param name="Generation">Which of its data folders: each has a log of its own, that never follows another's.</param>
/// <param name="Base">The newest base backup of it.</param>
/// <param name="Log">The files of the log, in order, with no hole among them.</param>
/// <param name="At">The server's clock at a moment whose every commit is in the log.</param>
public sealed record DatabaseArchiveState(int Generation, DatabaseBase Base, IReadOnlyList<DatabaseLogFile> Log, DateTimeOffset At);

/// <summary>A base backup.</summary>
/// <param name="FirstLog">The file of the log from which it is replayed.</param>
/// <param name="At">The earliest time to go back to by it.</param>
public sealed record DatabaseBase(string Id, string FirstLog, DateTimeOffset At);

/// <summary>A file of the log; the last one may be its beginning only.</summary>
/// <param name="Name">PostgreSQL's own: later files have greater names.</param>
public sealed record DatabaseLogFile(string Name, long SizeBytes);
