using Cloud.Backup.Vaults;
using Cloud.BlockStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Sources;

/// <summary>Block storage, asked until what it began is done. Each answer of it comes within seconds, done or not.</summary>
internal sealed class BlockVolumes(IBlockStorage storage, TimeProvider time)
{
    /// <summary>A page of changed extents.</summary>
    private const int ExtentsMax = 10_000;

    /// <summary>A hole that is left out: to write it would take longer than a call.</summary>
    private const long HoleBytesMin = 8 << 20;

    private const string Creating = "creating";

    /// <summary>Longer than a host that restarts is away.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    /// <summary>A label of what a restore makes: the job that made it.</summary>
    private const string RestoredBy = "restored-by";

    public Task<BlockVolume?> FindAsync(string project, string volume, CancellationToken ct) =>
        storage.FindVolumeAsync(project, volume, ct);

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        storage.ListVolumesAsync(project, labels, ct);

    public Task<IReadOnlyList<AttachedBlockVolume>> ListAttachedAsync(string project, string instance, CancellationToken ct) =>
        storage.ListAttachedAsync(project, instance, ct);

    /// <summary>Keeps what a volume holds now. The same name gives the same snapshot.</summary>
    public async Task<BlockSnapshot> SnapshotAsync(string project, string volume, string name, CancellationToken ct) =>
        (await SnapshotAsync(project, new Dictionary<string, string> { [volume] = name }, ct)).Single();

    /// <summary>Keeps what volumes of one instance hold at one instant, and its root disk where its id is among them.</summary>
    public Task<IReadOnlyList<BlockSnapshot>> SnapshotAsync(
        string project, IReadOnlyDictionary<string, string> names, CancellationToken ct) => UntilAsync(
        () => storage.SnapshotAsync(project, names, ct), snapshots => snapshots.All(snapshot => snapshot.Status != Creating),
        snapshots => snapshots.FirstOrDefault(snapshot => snapshot.Status != BlockVolume.Available) is { } failed
            ? $"The snapshot failed. {failed.StatusReason}".Trim()
            : null,
        ct);

    public Task<BlockSnapshot?> FindSnapshotAsync(string project, string snapshot, CancellationToken ct) =>
        storage.FindSnapshotAsync(project, snapshot, ct);

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

    /// <summary>A snapshot, to be read where it has changed since another.</summary>
    public DiskSnapshot Read(string project, string snapshot, long sizeBytes, string name, string? since) => new(
        name, sizeBytes, async ct => since is null ? null : await ChangesAsync(project, snapshot, since, ct),
        async ct => (await ChangesAsync(project, snapshot, null, ct))!,
        (offset, length, ct) => ReadAsync(project, snapshot, offset, length, ct));

    public Task<Stream> ReadAsync(string project, string snapshot, long offset, long length, CancellationToken ct) =>
        storage.ReadAsync(project, snapshot, offset, length, ct);

    /// <summary>A blank volume. The same name gives the same one, if it is of the same job.</summary>
    /// <exception cref="CloudException">There is a volume of this name already.</exception>
    public async Task<BlockVolume> CreateAsync(string project, string name, long sizeBytes, string job, CancellationToken ct)
    {
        var labels = new Dictionary<string, string> { [RestoredBy] = job };
        var made = await UntilAsync(
            () => storage.CreateVolumeAsync(new NewBlockVolume(project, name, sizeBytes, Labels: labels), ct),
            volume => volume.Status != Creating, _ => null, ct);
        if (made.Labels.GetValueOrDefault(RestoredBy) != job)
        {
            throw CloudException.Conflict("name-taken", $"There is already a volume '{name}' in this project.");
        }

        return made.Status == BlockVolume.Available
            ? made
            : throw CloudException.Conflict("block-storage-refused", $"The volume is {made.Status}. {made.StatusReason}".Trim());
    }

    /// <summary>Writes a stream of a point over a volume from its start, durably. It must be detached.</summary>
    public async Task WriteAsync(RestoreRun run, PointStream stream, string volume, CancellationToken ct)
    {
        await using var content = new ProgressStream(run.Vault.OpenStream(stream), run.Progress);
        await storage.WriteAsync(run.Project, volume, 0, content, ct);
    }

    /// <summary>Writes a stream of a point into a volume that is blank, durably: large holes are left out.</summary>
    public async Task FillAsync(RestoreRun run, PointStream stream, string volume, CancellationToken ct)
    {
        await using var source = (ChunkStream)run.Vault.OpenStream(stream);
        long done = 0;
        for (var at = await source.NextDataAsync(0, ct); at < source.Length; at = await source.NextDataAsync(done, ct))
        {
            run.Progress.Advance(at - done);
            done = await source.DataEndAsync(at, HoleBytesMin, ct);
            source.Position = at;
            await using var part = new ProgressStream(new UnownedStream(source), run.Progress, done - at);
            await storage.WriteAsync(run.Project, volume, at, part, ct);
        }

        run.Progress.Advance(source.Length - done);
    }

    /// <summary>Writes what a snapshot holds over a volume, durably. It must be detached.</summary>
    public async Task CopyAsync(string project, string snapshot, string volume, CancellationToken ct)
    {
        var kept = await storage.FindSnapshotAsync(project, snapshot, ct) ?? throw CloudException.NotFound("snapshot", snapshot);
        await using var content = await storage.ReadAsync(project, snapshot, 0, kept.SizeBytes, ct);
        await storage.WriteAsync(project, volume, 0, content, ct);
    }

    public Task DetachAsync(string project, string volume, CancellationToken ct) => UntilAsync(
        () => storage.DetachAsync(project, volume, force: false, ct), one => one.Status != "detaching",
        one => one.Status == BlockVolume.Available ? null : $"The volume is {one.Status}. {one.StatusReason}".Trim(), ct);

    public Task AttachAsync(BlockAttachment attachment, CancellationToken ct) => UntilAsync(
        () => storage.AttachAsync(attachment, ct), one => one.Status == BlockVolume.Attached, _ => null, ct);

    /// <summary>Done where there is none.</summary>
    public Task DeleteSnapshotAsync(string project, string snapshot, CancellationToken ct) =>
        UntilGoneAsync(() => storage.DeleteSnapshotAsync(project, snapshot, ct), ct);

    /// <summary>Done where there is none.</summary>
    public Task DeleteAsync(string project, string volume, CancellationToken ct) =>
        UntilGoneAsync(() => storage.DeleteVolumeAsync(project, volume, ct), ct);

    /// <summary>Removes the volumes that a job made.</summary>
    /// <param name="areFreed">Their instance has been removed: it is waited for until block storage has heard of that.</param>
    public async Task DeleteMadeByAsync(string project, string job, bool areFreed, CancellationToken ct)
    {
        foreach (var id in await storage.ListVolumesAsync(project, new Dictionary<string, string> { [RestoredBy] = job }, ct))
        {
            var volume = await UntilAsync(
                () => storage.FindVolumeAsync(project, id, ct), one => one?.Instance is null || !areFreed, _ => null, ct);
            if (volume is { Instance: null })
            {
                await DeleteAsync(project, id, ct);
            }
        }
    }

    /// <summary>What is still being made, for somebody who died meanwhile, is waited for.</summary>
    private Task<bool> UntilGoneAsync(Func<Task<bool>> delete, CancellationToken ct) => UntilAsync(
        async () =>
        {
            try
            {
                return await delete();
            }
            catch (CloudException busy) when (busy.Code is "snapshot-busy" or "volume-busy")
            {
                return false;
            }
        },
        gone => gone, _ => null, ct);

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
