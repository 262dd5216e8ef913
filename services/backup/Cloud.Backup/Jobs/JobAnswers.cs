using Cloud.Backup.Persistence;
using Cloud.Backup.RecoveryPoints;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Jobs;

/// <summary>What every call that starts a job does alike.</summary>
internal static class JobAnswers
{
    /// <summary>How often a save is tried that another change of the point came before.</summary>
    private const int TriesMax = 10;

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

    /// <summary>The same for a job that reads a point: who removes that at the same moment is refused, or this is.</summary>
    public static async Task<IResult> StartAsync(
        BackupJob job, RecoveryPoint point, WaitQuery wait, HttpContext context, BackupDbContext db, JobWaiter waiter,
        ReconcilerSignals signals, CancellationToken ct)
    {
        db.Jobs.Add(job);
        db.AddJobEvent(job, "queued");
        for (var tries = 1; ; tries++)
        {
            point.IsNeeded(job.CreatedAt);
            try
            {
                await db.SaveChangesAsync(ct);
                break;
            }
            catch (DbUpdateConcurrencyException) when (tries < TriesMax)
            {
                await db.Entry(point).ReloadAsync(ct);
            }
        }

        signals.Wake<JobRunner>();
        return Answer(context, await waiter.WaitAsync(job, wait, ct), wait);
    }

    public static IResult Answer(HttpContext context, BackupJob job, WaitQuery wait) => wait.Waits && job.Settled
        ? ResourceResults.Ok(context, JobView.From(job, job.UpdatedAt), job.Version)
        : ResourceResults.Accepted(context, JobView.From(job, job.UpdatedAt), job.Version);
}
