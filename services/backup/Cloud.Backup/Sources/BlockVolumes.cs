using Cloud.Backup.Vaults;
using Cloud.BlockStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Sources;

/// <summary>Block storage, asked until what it began is done. Each answer of it comes within seconds, done or not.</summary>
internal sealed class BlockVolumes(IBlockStorage storage, TimeProvider time)
{
    /// <summary>A page of changed extents.</summary>
    private const int ExtentsMax = 10_000;

    private const string Creating = "creating";

    /// <summary>Longer than a host that restarts is away.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    public Task<BlockVolume?> FindAsync(string project, string volume, CancellationToken ct) =>
        storage.FindVolumeAsync(project, volume, ct);

    /// <summary>Keeps what a volume holds now. The same name gives the same snapshot.</summary>
    public async Task<BlockSnapshot> SnapshotAsync(string project, string volume, string name, CancellationToken ct)
    {
        var names = new Dictionary<string, string> { [volume] = name };
        return await UntilAsync(
            async () => (await storage.SnapshotAsync(project, names, ct)).Single(), snapshot => snapshot.Status != Creating,
            snapshot => snapshot.Status == BlockVolume.Available ? null : $"The snapshot failed. {snapshot.StatusReason}".Trim(), ct);
    }

    /// <summary>What a snapshot holds that was ever written, or what has changed since an earlier one.</summary>
    /// <returns>Null where the earlier one is gone.</returns>
    public async Task<IReadOnlyList<ByteRun>?> ChangesAsync(string project, string snapshot, string? since, CancellationToken ct)
    {
        if (since is not null && await storage.FindSnapshotAsync(project, since, ct) is not { Status: BlockVolume.Available })
        {
            return null;
        }

        var runs = new List<ByteRun>();
        for (long? offset = 0; offset is { } from;)
        {
            var page = await storage.ListChangesAsync(project, snapshot, since, from, ExtentsMax, ct);
            runs.AddRange(page.Extents.Select(extent => new ByteRun(extent.Offset, extent.LengthBytes)));
            offset = page.NextOffset;
        }

        return runs;
    }

    public Task<Stream> ReadAsync(string project, string snapshot, long offset, long length, CancellationToken ct) =>
        storage.ReadAsync(project, snapshot, offset, length, ct);

    /// <summary>A blank volume. The same name gives the same one.</summary>
    public Task<BlockVolume> CreateAsync(string project, string name, long sizeBytes, CancellationToken ct) => UntilAsync(
        () => storage.CreateVolumeAsync(new NewBlockVolume(project, name, sizeBytes), ct), volume => volume.Status != Creating,
        volume => volume.Status == BlockVolume.Available ? null : $"The volume is {volume.Status}. {volume.StatusReason}".Trim(), ct);

    /// <summary>Writes a volume from its start, durably. It must be detached.</summary>
    public Task WriteAsync(string project, string volume, Stream content, CancellationToken ct) =>
        storage.WriteAsync(project, volume, 0, content, ct);

    /// <summary>Done where there is none.</summary>
    public Task DeleteSnapshotAsync(string project, string snapshot, CancellationToken ct) => UntilAsync(
        () => storage.DeleteSnapshotAsync(project, snapshot, ct), gone => gone, _ => null, ct);

    /// <summary>Done where there is none.</summary>
    public Task DeleteAsync(string project, string volume, CancellationToken ct) => UntilAsync(
        () => storage.DeleteVolumeAsync(project, volume, ct), gone => gone, _ => null, ct);

    private async Task<T> UntilAsync<T>(Func<Task<T>> ask, Func<T, bool> isDone, Func<T, string?> whyNot, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var answer = await ask();
            if (isDone(answer))
            {
                return whyNot(answer) is { } reason ? throw CloudException.Conflict("block-storage-refused", reason) : answer;
            }

            if (time.GetElapsedTime(start) > Limit)
            {
                throw new CloudException(ErrorKind.Unavailable, "block-storage-slow", "Block storage did not get done in time.");
            }

            await Task.Delay(LookAgain, time, ct);
        }
    }
}
