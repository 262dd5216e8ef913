namespace Cloud.Database.Databases;

/// <summary>What every saga of a database carries. All else is in the row.</summary>
/// <param name="BeganAt">When it was asked for.</param>
public sealed record DatabaseSagaData(DatabaseId Database, DateTimeOffset BeganAt)
{
    /// <summary>For what is made of another database: which one. Its own id where it is brought back from its archive.</summary>
    public DatabaseId? Source { get; init; }

    /// <summary>A copy of what the source holds now, instead of what its archive holds.</summary>
    public bool Copies { get; init; }

    /// <summary>For what is made of files that were handed over: where they are staged.</summary>
    public string? Staged { get; init; }

    /// <summary>For a restore: every commit up to this time, and none after. Null for all there is.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>For a restore in place and its undoing: the generation that it was, that it becomes, and its safety copy before.</summary>
    public int From { get; init; }

    public int Generation { get; init; }

    public int? Safety { get; init; }

    /// <summary>For a resize: the server needs a restart.</summary>
    public bool Restarts { get; init; }
}
