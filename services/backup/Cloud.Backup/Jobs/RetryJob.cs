using Cloud.Backup.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Jobs;

/// <summary>Begins a job again that failed or was cancelled. What it had stored is found in the vault and not stored twice.</summary>
internal static class RetryJob
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, HttpContext context, BackupDbContext db, JobChanges changes, JobWaiter waiter,
        ReconcilerSignals signals, CancellationToken ct)
    {
        var job = await db.Jobs.AsNoTracking().FindVisibleAsync(caller, id, ct);
        await changes.ApplyAsync(job.Id, "queued", (_, row, now) =>
        {
            row.Retry(now);
            return Task.FromResult(true);
        }, ct);
        signals.Wake<JobRunner>();
        var latest = await db.Jobs.AsNoTracking().SingleAsync(row => row.Id == job.Id, ct);
        return JobAnswers.Answer(context, await waiter.WaitAsync(latest, wait, ct), wait);
    }
}
