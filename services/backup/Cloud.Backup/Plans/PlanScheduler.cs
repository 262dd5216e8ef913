using Cloud.Backup.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Plans;

/// <summary>Runs the plans that are due. What was missed while nobody looked is made up for by one run.</summary>
internal sealed partial class PlanScheduler(
    IDbContextFactory<BackupDbContext> databases, PlanRuns runs, TimeProvider time, ILogger<PlanScheduler> log) : IReconciler
{
    public async Task ReconcileAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        List<PlanId> due;
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            due = await db.Plans.AsNoTracking().Where(plan => plan.Status == PlanStatus.Active && plan.NextRunAt <= now)
                .OrderBy(plan => plan.NextRunAt).Select(plan => plan.Id).ToListAsync(ct);
        }

        foreach (var plan in due)
        {
            try
            {
                if (!await LeftOutAsync(plan, now, ct))
                {
                    await runs.StartAsync(plan, row => row.Status == PlanStatus.Active && row.NextRunAt <= now, ct);
                }
            }
            catch (Exception failed) when (failed is CloudException or DbUpdateConcurrencyException)
            {
                LogLater(log, failed, plan);
            }
        }
    }

    /// <summary>A run that comes too late for its plan's start window is left out; true where it was.</summary>
    private async Task<bool> LeftOutAsync(PlanId id, DateTimeOffset now, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var plan = await db.Plans.SingleAsync(row => row.Id == id, ct);
        if (!plan.IsMissed(now))
        {
            return false;
        }

        plan.Misses(now);
        db.AddPlanEvent(plan, "missed");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return true;
    }

    [LoggerMessage(
        EventId = 10020, Level = LogLevel.Warning, Message = "Plan {Plan} is due and could not be run; the next round tries again")]
    private static partial void LogLater(ILogger log, Exception exception, PlanId plan);
}
