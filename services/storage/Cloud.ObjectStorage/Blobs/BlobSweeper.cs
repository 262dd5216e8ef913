using Cloud.Messaging;
using Cloud.ObjectStorage.Index;

namespace Cloud.ObjectStorage.Blobs;

/// <summary>Removes the files of blobs that no row names any more.</summary>
internal sealed class BlobSweeper(IndexReads reads, IndexWriter writer, BlobStore blobs, TimeProvider time) : IReconciler
{
    private const int RoundMax = 500;

    public async Task ReconcileAsync(CancellationToken ct)
    {
        while (true)
        {
            var dead = await reads.ReadAsync(
                session => session.ListAsync(
                    """SELECT "Blob" FROM "DeadBlobs" WHERE "NotBefore" <= @p0 LIMIT @p1""", row => row.GetString(0), ct,
                    time.GetUtcNow().UtcTicks, RoundMax),
                ct);
            if (dead.Count == 0)
            {
                return;
            }

            // The file first: a row without a file is tried again, a file without a row would be an orphan.
            foreach (var blob in dead)
            {
                blobs.Delete(blob);
            }

            await writer.WriteAsync(index => index.ForgetBlobsAsync(dead), ct);
        }
    }
}

/// <summary>
/// Finds the files that no row names: what was being written when a process was killed. Looks at a folder a round, so that it never reads
/// much at once.
/// </summary>
internal sealed partial class OrphanSweeper(
    IndexReads reads, BlobStore blobs, Microsoft.Extensions.Options.IOptions<ObjectStorageOptions> options, TimeProvider time,
    ILogger<OrphanSweeper> log)
    : IReconciler
{
    private readonly string[] _folders = [.. BlobStore.Folders];
    private int _next;

    public async Task ReconcileAsync(CancellationToken ct)
    {
        await SweepAsync(_folders[_next], ct);
        _next = (_next + 1) % _folders.Length;
    }

    internal async Task SweepAllAsync(CancellationToken ct)
    {
        foreach (var folder in _folders)
        {
            await SweepAsync(folder, ct);
        }
    }

    private async Task SweepAsync(string folder, CancellationToken ct)
    {
        foreach (var names in blobs.NamesBefore(folder, (time.GetUtcNow() - options.Value.OrphanAge).UtcDateTime).Chunk(100))
        {
            foreach (var name in names)
            {
                var held = await reads.ReadAsync(
                    session => session.ScalarAsync<long>(
                        """
                        SELECT (SELECT COUNT(*) FROM "Objects" WHERE "Blob" = @p0) + (SELECT COUNT(*) FROM "Parts" WHERE "Blob" = @p0)
                            + (SELECT COUNT(*) FROM "DeadBlobs" WHERE "Blob" = @p0)
                        """,
                        ct, name),
                    ct);
                if (held == 0)
                {
                    blobs.Delete(name);
                    LogOrphan(log, name);
                }
            }
        }
    }

    [LoggerMessage(EventId = 7010, Level = LogLevel.Information, Message = "Removed the file {Blob}, which no object names")]
    private static partial void LogOrphan(ILogger log, string blob);
}
