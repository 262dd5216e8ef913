using Cloud.Backup.Jobs;
using Cloud.Backup.Persistence;
using Cloud.Backup.RecoveryPoints;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Plans;

/// <summary>What a plan's retention says of one recovery point.</summary>
/// <param name="Keeps">The rules that keep it: <c>last</c>, <c>hourly</c>, …, <c>locked</c>; none for one that goes.</param>
public sealed record RetentionVerdict(RecoveryPointId Id, string Resource, DateTimeOffset CreatedAt, IReadOnlyList<string> Keeps);

/// <summary>Applies plans' retention to their recovery points, and does what else follows on a backup.</summary>
internal sealed class PlanRetention(TimeProvider time)
{
    /// <summary>What stays and what goes, newest first in each resource. Copies in the second vault are judged by themselves.</summary>
    public async Task<IReadOnlyList<(RecoveryPoint Point, IReadOnlyList<string> Keeps)>> JudgeAsync(
        BackupDbContext db, BackupPlan plan, string? resource, CancellationToken ct, RecoveryPoint? made = null)
    {
        var points = await db.RecoveryPoints.Existing()
            .Where(point => point.Plan == plan.Id && (resource == null || point.Resource == resource))
            .OrderByDescending(point => point.CreatedAt).ThenByDescending(point => point.Id).ToListAsync(ct);
        var zone = PlanSchedule.Parse(plan.Schedule, plan.TimeZone).Zone;
        var verdicts = new List<(RecoveryPoint, IReadOnlyList<string>)>();
        if (made is not null)
        {
            points.Insert(0, made);
        }

        // A damaged point displaces no whole one.
        foreach (var of in points.GroupBy(point => (point.Resource, point.Vault, point.Status)))
        {
            var ordered = of.ToList();
            var rules = plan.Retention.Judge([.. ordered.Select(point => point.CreatedAt)], zone);
            verdicts.AddRange(ordered.Select((point, at) => (
                point, point.IsLocked(time.GetUtcNow()) ? (IReadOnlyList<string>)[.. rules[at], "locked"] : rules[at])));
        }

        return verdicts;
    }

    /// <summary>Lets go of what the plan does not keep.</summary>
    /// <param name="made">A point that is not saved yet, the newest.</param>
    public async Task ApplyAsync(
        BackupDbContext db, BackupPlan plan, string? resource, DateTimeOffset now, CancellationToken ct, RecoveryPoint? made = null)
    {
        var verdicts = await JudgeAsync(db, plan, resource, ct, made);
        foreach (var (point, _) in verdicts.Where(verdict => verdict.Keeps.Count == 0 && verdict.Point != made))
        {
            point.BeginDelete(now);
            db.AddPointEvent(point, "deleting");
        }
    }

    /// <summary>In the save that makes a recovery point: its copy, its verification, and what it displaces.</summary>
    public async Task FollowUpAsync(BackupDbContext db, BackupJob job, RecoveryPoint made, DateTimeOffset now, CancellationToken ct)
    {
        if (await db.Plans.SingleOrDefaultAsync(row => row.Id == job.Plan, ct) is not { } plan)
        {
            return;
        }

        if (plan.CopyTo is { } target)
        {
            Add(BackupJob.Of(TypedId.New<JobId>(time), JobKind.Copy, made, now, targetVault: target));
        }

        if (plan.Verify)
        {
            Add(BackupJob.Of(TypedId.New<JobId>(time), JobKind.Verify, made, now));
        }

        await ApplyAsync(db, plan, job.Resource, now, ct, made);

        void Add(BackupJob next)
        {
            db.Jobs.Add(next);
            db.AddJobEvent(next, "queued");
        }
    }
}
