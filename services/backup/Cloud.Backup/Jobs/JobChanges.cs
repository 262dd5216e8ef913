using Cloud.Backup.Persistence;
using Cloud.Backup.Plans;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Jobs;

/// <summary>Changes a job's row and says so, in one save, whoever else changes it at the same time.</summary>
internal sealed class JobChanges(IDbContextFactory<BackupDbContext> databases, TimeProvider time)
{
    /// <summary>How often a save is tried that another change came before.</summary>
    private const int TriesMax = 10;

    /// <param name="what">The event's name after <c>backup-job.</c>; null for a change that is no news.</param>
    /// <param name="change">Answers false where there is nothing to change any more.</param>
    public async Task ApplyAsync(
        JobId id, string? what, Func<BackupDbContext, BackupJob, DateTimeOffset, Task<bool>> change, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            try
            {
                await using var transaction = await db.Database.BeginTransactionAsync(ct);
                var job = await db.Jobs.SingleAsync(row => row.Id == id, ct);
                if (!await change(db, job, time.GetUtcNow()))
                {
                    return;
                }

                if (what is not null)
                {
                    await DueWebhookAsync(db, job, ct);
                    db.AddJobEvent(job, what);
                }

                await db.SaveChangesAsync(ct);
                await transaction.CommitAsync(ct);
                return;
            }
            catch (DbUpdateConcurrencyException) when (tries < TriesMax)
            {
                // Somebody changed the job at this moment: look at it again.
            }
        }
    }

    /// <summary>Has the plan's webhook told of a job that has ended, in the save that ends it.</summary>
    private async Task DueWebhookAsync(BackupDbContext db, BackupJob job, CancellationToken ct)
    {
        if (job.Settled && job.Plan is { } plan
            && await db.Plans.AnyAsync(row => row.Id == plan && row.Status != PlanStatus.Deleted && row.WebhookUrl != null, ct))
        {
            job.TellsWebhook(time.GetUtcNow());
        }
    }
}
