using System.Security.Cryptography;
using Cloud.Backup.Vaults;
using Cloud.BlockStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Sources;

/// <summary>Volumes: read of a snapshot, and after the first time only where they have changed.</summary>
internal sealed class VolumeSource(BlockVolumes volumes, TimeProvider time) : IBackupSource
{
    private const string Content = "content";

    public string Kind => "volume";

    public bool Owns(string resource) => resource.StartsWith("vol-", StringComparison.Ordinal);

    public async Task<string?> FindNameAsync(string project, string resource, CancellationToken ct) =>
        (await volumes.FindAsync(project, resource, ct))?.Name;

    public async Task<TakenBackup> BackUpAsync(BackupRun run, CancellationToken ct)
    {
        var volume = await volumes.FindAsync(run.Project, run.Resource, ct) ?? throw CloudException.NotFound("volume", run.Resource);
        var takenAt = time.GetUtcNow();
        var snapshot = await volumes.SnapshotAsync(run.Project, volume.Id, $"backup-{run.Job}", ct);
        try
        {
            var stream = await StoreAsync(run, snapshot, ct);
            return new TakenBackup(Kind, volume.Name, takenAt, [stream], snapshot.Id);
        }
        catch
        {
            await volumes.DeleteSnapshotAsync(run.Project, snapshot.Id, CancellationToken.None);
            throw;
        }
    }

    public async Task<string> RestoreAsync(RestoreRun run, string name, CancellationToken ct)
    {
        var stream = ContentOf(run.Point);
        var volume = await volumes.CreateAsync(run.Project, name, stream.SizeBytes, ct);
        await WriteAsync(run, stream, volume.Id, ct);
        return volume.Id;
    }

    public async Task<string> RestoreInPlaceAsync(RestoreRun run, CancellationToken ct)
    {
        var stream = ContentOf(run.Point);
        var volume = await volumes.FindAsync(run.Project, run.Point.Resource, ct)
            ?? throw CloudException.NotFound("volume", run.Point.Resource);
        if (volume.SizeBytes < stream.SizeBytes)
        {
            throw CloudException.Conflict(
                "volume-too-small", $"Volume '{volume.Name}' has {volume.SizeBytes} bytes, {stream.SizeBytes} are needed.");
        }

        var safety = await volumes.SnapshotAsync(run.Project, volume.Id, $"before-{run.Job}", ct);
        await WriteAsync(run, stream, volume.Id, ct);
        return safety.Id;
    }

    public async Task UndoAsync(string project, string resource, string safety, CancellationToken ct)
    {
        var volume = await volumes.FindAsync(project, resource, ct) ?? throw CloudException.NotFound("volume", resource);
        await using var content = await volumes.ReadAsync(project, safety, 0, volume.SizeBytes, ct);
        await volumes.WriteAsync(project, volume.Id, content, ct);
        await volumes.DeleteSnapshotAsync(project, safety, ct);
    }

    public async Task<string?> TryAsync(RestoreRun run, CancellationToken ct)
    {
        var name = $"try-{run.Job}";
        BlockSnapshot? snapshot = null;
        string? volume = null;
        try
        {
            volume = await RestoreAsync(run, name, ct);
            snapshot = await volumes.SnapshotAsync(run.Project, volume, name, ct);
            var stream = ContentOf(run.Point);
            await using var restored = await volumes.ReadAsync(run.Project, snapshot.Id, 0, stream.SizeBytes, ct);
            var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(restored, ct));
            return hash == await run.Vault.HashAsync(stream, ct) ? null : "What was restored is not what the vault holds.";
        }
        finally
        {
            await RemoveAsync(run.Project, volume, snapshot);
        }
    }

    public Task ForgetAsync(string project, string snapshot, CancellationToken ct) => volumes.DeleteSnapshotAsync(project, snapshot, ct);

    private async Task<PointStream> StoreAsync(BackupRun run, BlockSnapshot snapshot, CancellationToken ct)
    {
        var earlier = run.Earlier?.Streams.SingleOrDefault(stream => stream.Name == Content);
        var runs = earlier is null || run.EarlierSnapshot is null
            ? null
            : await volumes.ChangesAsync(run.Project, snapshot.Id, run.EarlierSnapshot, ct);
        if (runs is null)
        {
            // Nothing says what has changed: all of it is read, and what the vault has is not stored again.
            earlier = null;
            runs = (await volumes.ChangesAsync(run.Project, snapshot.Id, null, ct))!;
        }

        run.Progress.Expect(runs.Sum(one => one.Length));
        return await run.Writer.PutStreamAsync(
            run.Vault, Content, snapshot.SizeBytes, runs, earlier,
            (offset, length, token) => volumes.ReadAsync(run.Project, snapshot.Id, offset, length, token), run.Progress.Advance, ct);
    }

    /// <summary>Also where the job was cancelled.</summary>
    private async Task RemoveAsync(string project, string? volume, BlockSnapshot? snapshot)
    {
        if (snapshot is not null)
        {
            await volumes.DeleteSnapshotAsync(project, snapshot.Id, CancellationToken.None);
        }

        if (volume is not null)
        {
            await volumes.DeleteAsync(project, volume, CancellationToken.None);
        }
    }

    private async Task WriteAsync(RestoreRun run, PointStream stream, string volume, CancellationToken ct)
    {
        run.Progress.Expect(stream.SizeBytes);
        await using var content = new ProgressStream(run.Vault.OpenStream(stream), run.Progress);
        await volumes.WriteAsync(run.Project, volume, content, ct);
    }

    private static PointStream ContentOf(PointDocument point) => point.Streams.Single(stream => stream.Name == Content);
}
