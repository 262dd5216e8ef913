using Cloud.Backup.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Jobs;

/// <summary>Holds an answer until a job has ended (<c>?wait=</c>).</summary>
internal sealed class JobWaiter(IDbContextFactory<BackupDbContext> databases, ChangeSignals signals, TimeProvider time)
{
    /// <summary>The jobs as they are when all have ended, or as they are when the time is over.</summary>
    public async Task<IReadOnlyList<BackupJob>> WaitAsync(IReadOnlyList<BackupJob> jobs, WaitQuery wait, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        var latest = new List<BackupJob>();
        foreach (var job in jobs)
        {
            var left = wait.Limit - time.GetElapsedTime(start);
            latest.Add(left > TimeSpan.Zero ? await WaitAsync(job, left, ct) : await ReadAsync(job.Id, ct));
        }

        return latest;
    }

    public async Task<BackupJob> WaitAsync(BackupJob job, WaitQuery wait, CancellationToken ct) =>
        wait.Waits ? await WaitAsync(job, wait.Limit, ct) : job;

    private async Task<BackupJob> WaitAsync(BackupJob job, TimeSpan limit, CancellationToken ct)
    {
        var latest = job;
        await signals.WaitAsync<BackupJob>(job.Id.Value, limit, async token =>
        {
            latest = await ReadAsync(job.Id, token);
            return latest.Settled ? latest : null;
        }, ct);
        return latest;
    }

    private async Task<BackupJob> ReadAsync(JobId id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Jobs.AsNoTracking().SingleAsync(other => other.Id == id, ct);
    }
}
