using Cloud.Backup.Persistence;
using Cloud.Backup.Vaults;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Backup.Plans;

/// <summary>Applies a plan's retention now, or says what it would do; answers what stays, by which rule, and what goes.</summary>
internal static class PrunePlan
{
    public static async Task<Page<RetentionVerdict>> HandleAsync(
        string id, string? dryRun, Caller caller, BackupDbContext db, PlanRetention retention, ReconcilerSignals signals, TimeProvider time,
        CancellationToken ct)
    {
        if (dryRun is not (null or "true" or "false"))
        {
            throw CloudException.Invalid("dryRun", "Expected true or false.");
        }

        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var plan = await db.Plans.FindVisibleAsync(caller, id, ct);
        var verdicts = await retention.JudgeAsync(db, plan, null, ct);
        var answer = new Page<RetentionVerdict>(
            [.. verdicts.Select(one => new RetentionVerdict(one.Point.Id, one.Point.Resource, one.Point.CreatedAt, one.Keeps))], null);
        if (dryRun != "true")
        {
            await retention.ApplyAsync(db, plan, null, time.GetUtcNow(), ct);
            await db.SaveChangesAsync(ct);
            await transaction.CommitAsync(ct);
            signals.Wake<VaultKeeper>();
        }

        return answer;
    }
}
