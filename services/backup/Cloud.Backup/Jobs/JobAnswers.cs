using Cloud.Backup.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Backup.Jobs;

/// <summary>What every call that starts a job does alike.</summary>
internal static class JobAnswers
{
    /// <summary>Queues a job and answers it: 202, or 200 where the caller waited and it has ended.</summary>
    public static async Task<IResult> StartAsync(
        BackupJob job, WaitQuery wait, HttpContext context, BackupDbContext db, JobWaiter waiter, ReconcilerSignals signals,
        CancellationToken ct)
    {
        db.Jobs.Add(job);
        db.AddJobEvent(job, "queued");
        await db.SaveChangesAsync(ct);
        signals.Wake<JobRunner>();
        return Answer(context, await waiter.WaitAsync(job, wait, ct), wait);
    }

    public static IResult Answer(HttpContext context, BackupJob job, WaitQuery wait) => wait.Waits && job.Settled
        ? ResourceResults.Ok(context, JobView.From(job, job.UpdatedAt), job.Version)
        : ResourceResults.Accepted(context, JobView.From(job, job.UpdatedAt), job.Version);
}
