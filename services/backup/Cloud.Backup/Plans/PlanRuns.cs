using Cloud.Backup.Jobs;
using Cloud.Backup.Persistence;
using Cloud.Backup.RecoveryPoints;
using Cloud.Backup.Sources;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Plans;

/// <summary>Runs a plan: a job for each of its resources that has none under way.</summary>
internal sealed class PlanRuns(
    IDbContextFactory<BackupDbContext> databases, BackupSources sources, ReconcilerSignals signals, TimeProvider time)
{
    /// <returns>The jobs, those that were under way among them.</returns>
    public async Task<IReadOnlyList<BackupJob>> StartAsync(PlanId id, Func<BackupPlan, bool> isDue, CancellationToken ct)
    {
        BackupPlan plan;
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            plan = await db.Plans.AsNoTracking().SingleAsync(row => row.Id == id, ct);
        }

        // Other services are asked before the transaction, which holds database work only.
        var resources = await ResourcesAsync(plan, ct);
        var jobs = await QueueAsync(id, resources, isDue, ct);
        signals.Wake<JobRunner>();
        return jobs;
    }

    private async Task<IReadOnlyList<string>> ResourcesAsync(BackupPlan plan, CancellationToken ct)
    {
        var found = new List<string>();
        if (plan.ResourceLabels is { Count: > 0 } labels)
        {
            var wanted = labels.ToDictionary(StringComparer.Ordinal);
            foreach (var source in sources.All)
            {
                found.AddRange(await source.ListAsync(plan.Project, wanted, ct));
            }
        }

        foreach (var resource in plan.Resources.Except(found))
        {
            // One that is gone may stay in a plan.
            if (sources.FindOf(resource) is { } source && await source.FindNameAsync(plan.Project, resource, ct) is not null)
            {
                found.Add(resource);
            }
        }

        return found;
    }

    private async Task<IReadOnlyList<BackupJob>> QueueAsync(
        PlanId id, IReadOnlyList<string> resources, Func<BackupPlan, bool> isDue, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var plan = await db.Plans.SingleAsync(row => row.Id == id, ct);
        if (!isDue(plan))
        {
            return [];
        }

        var jobs = await db.Jobs.Where(job => job.Plan == id && job.Kind == JobKind.Backup
            && (job.Status == JobStatus.Queued || job.Status == JobStatus.Running)).ToListAsync(ct);
        var now = time.GetUtcNow();
        foreach (var resource in resources.Where(resource => !jobs.Exists(job => job.Resource == resource)).ToList())
        {
            var job = BackupJob.Backup(TypedId.New<JobId>(time), plan, resource, TypedId.New<RecoveryPointId>(time), now);
            db.Jobs.Add(job);
            db.AddJobEvent(job, "queued");
            jobs.Add(job);
        }

        plan.HasRun(now);
        db.AddPlanEvent(plan, "run");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return jobs;
    }
}
