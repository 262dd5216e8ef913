using System.Security.Cryptography;
using Cloud.Backup.Jobs;
using Cloud.Backup.Vaults;
using Cloud.Primitives;

namespace Cloud.Backup.Sources;

/// <summary>Volumes: read of a snapshot, and after the first time only where they have changed.</summary>
internal sealed class VolumeSource(BlockVolumes volumes, TimeProvider time) : IBackupSource
{
    private const string Content = "content";

    public string Kind => "volume";

    public bool RunsOnTheHost => false;

    public bool Owns(string resource) => resource.StartsWith("vol-", StringComparison.Ordinal);

    public async Task<string?> FindNameAsync(string project, string resource, CancellationToken ct) =>
        (await volumes.FindAsync(project, resource, ct))?.Name;

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        volumes.ListAsync(project, labels, ct);

    public async Task<TakenBackup> BackUpAsync(BackupRun run, CancellationToken ct)
    {
        var volume = await volumes.FindAsync(run.Project, run.Resource, ct) ?? throw CloudException.NotFound("volume", run.Resource);
        var takenAt = time.GetUtcNow();
        var snapshot = await volumes.SnapshotAsync(run.Project, volume.Id, NameOfBackup(run.Job), ct);
        try
        {
            var disk = volumes.Read(run.Project, snapshot.Id, snapshot.SizeBytes, Content, run.EarlierSnapshot);
            return new TakenBackup(Kind, volume.Name, takenAt, await DiskStreams.StoreAsync(run, [disk], ct), snapshot.Id);
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
        var volume = await volumes.CreateAsync(run.Project, name, stream.SizeBytes, run.Job, ct);
        run.Progress.Expect(stream.SizeBytes);
        await volumes.FillAsync(run, stream, volume.Id, ct);
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
        await run.KeepAsync(safety.Id);
        run.Progress.Expect(stream.SizeBytes);
        await volumes.WriteAsync(run, stream, volume.Id, ct);
        return safety.Id;
    }

    public async Task UndoAsync(string project, string resource, string safety, CancellationToken ct)
    {
        var volume = await volumes.FindAsync(project, resource, ct) ?? throw CloudException.NotFound("volume", resource);
        await volumes.CopyAsync(project, safety, volume.Id, ct);
        await volumes.DeleteSnapshotAsync(project, safety, ct);
    }

    public async Task<TryResult> TryAsync(RestoreRun run, CancellationToken ct)
    {
        var name = NameOfTry(run.Job);
        try
        {
            var volume = await RestoreAsync(run, name, ct);
            var snapshot = await volumes.SnapshotAsync(run.Project, volume, name, ct);
            var stream = ContentOf(run.Point);
            await using var restored = await volumes.ReadAsync(run.Project, snapshot.Id, 0, stream.SizeBytes, ct);
            var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(restored, ct));
            return hash == await run.Vault.HashAsync(stream, ct)
                ? TryResult.Good
                : TryResult.Damaged("What was restored is not what the vault holds.");
        }
        finally
        {
            // Also where the job was cancelled.
            await RemoveTryAsync(run.Project, run.Job, CancellationToken.None);
        }
    }

    public async Task TidyAsync(EndedJob job, CancellationToken ct)
    {
        if (job.Kind == JobKind.Backup)
        {
            await volumes.DeleteSnapshotAsync(job.Project, NameOfBackup(job.Id), ct);
        }
        else if (job.Kind != JobKind.Copy)
        {
            await RemoveTryAsync(job.Project, job.Id, ct);
        }
    }

    public Task ForgetAsync(string project, string snapshot, CancellationToken ct) => volumes.DeleteSnapshotAsync(project, snapshot, ct);

    private async Task RemoveTryAsync(string project, string job, CancellationToken ct)
    {
        await volumes.DeleteSnapshotAsync(project, NameOfTry(job), ct);
        await volumes.DeleteMadeByAsync(project, job, areFreed: false, ct);
    }

    private static string NameOfBackup(string job) => $"backup-{job}";

    private static string NameOfTry(string job) => $"try-{job}";

    private static PointStream ContentOf(PointDocument point) => point.Streams.Single(stream => stream.Name == Content);
}
