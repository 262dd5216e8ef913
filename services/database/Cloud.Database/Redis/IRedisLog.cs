namespace Cloud.Database.Redis;

/// <summary>The files of a server's log of writes, where they lie.</summary>
internal interface IRedisLog
{
    /// <summary>What there is now. It grows by the end, and what is listed is on the disk.</summary>
    Task<RedisLogFiles> ListAsync(CancellationToken ct);

    /// <summary>Reads what was listed of a file, from a whole MiB on.</summary>
    /// <param name="read">Given what there is, where that is less it is to throw an <see cref="EndOfStreamException"/>.</param>
    /// <returns>False where there is less than was listed, as the server has removed the file since.</returns>
    Task<bool> ReadAsync(RedisLogFile file, long start, Func<Stream, CancellationToken, Task> read, CancellationToken ct);

    /// <summary>Holds parts by hard links, also where the server removes them.</summary>
    Task HoldAsync(IReadOnlyList<RedisLogFile> parts, CancellationToken ct);

    /// <summary>Lets parts go that are held.</summary>
    Task DropAsync(IReadOnlyList<RedisLogFile> held, CancellationToken ct);
}

/// <summary>The files of a log.</summary>
/// <param name="Base">All there was when the log was rewritten.</param>
/// <param name="Increments">What was written since, in its order.</param>
/// <param name="Held">Parts that are not archived yet, in their order: the log has some of them no more.</param>
/// <param name="UsedBytes">How much of its volume a server has in use; null where it has none of its own.</param>
internal sealed record RedisLogFiles(
    RedisLogFile? Base, IReadOnlyList<RedisLogFile> Increments, IReadOnlyList<RedisLogFile> Held, long? UsedBytes)
{
    /// <summary>The part that is written to; 0 for none.</summary>
    public long LastSequence => Increments is [.., var last] ? last.Sequence : 0;
}

/// <summary>A file of a log.</summary>
/// <param name="Path">Below the server's folder.</param>
internal sealed record RedisLogFile(string Path, long Sequence, long Length);
