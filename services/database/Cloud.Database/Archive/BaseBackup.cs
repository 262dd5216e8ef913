using Cloud.Database.Databases;

namespace Cloud.Database.Archive;

/// <summary>A whole copy of a server's data in the archive, from which the log is replayed.</summary>
internal sealed class BaseBackup
{
    public required string Id { get; init; }

    public required DatabaseId Database { get; init; }

    /// <summary>Of which of the database's data folders.</summary>
    public required int Generation { get; init; }

    /// <summary>No log before this place is needed with it.</summary>
    public required long StartPosition { get; init; }

    /// <summary>The timeline of the log that follows it.</summary>
    public required int Timeline { get; init; }

    /// <summary>The server's clock when it was complete, rounded up to milliseconds: the earliest time to go back to by it.</summary>
    public required DateTimeOffset CompletedAt { get; init; }

    public required long StoredBytes { get; init; }

    public string Key => ArchiveKeys.BaseOf(Database, Generation, Id);
}

/// <summary>How far a server's log is in the archive.</summary>
internal sealed class ArchivedLog
{
    public required DatabaseId Database { get; init; }

    public required int Generation { get; init; }

    /// <summary>The log before this place is stored.</summary>
    public long Position { get; set; }

    /// <summary>The server's clock at a moment whose every commit is stored.</summary>
    public DateTimeOffset At { get; set; }
}
