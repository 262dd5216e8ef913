using Cloud.Backup.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Plans;

/// <summary>Removes a plan; its recovery points stay until somebody removes them.</summary>
internal static class DeletePlan
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, BackupDbContext db, TimeProvider time, CancellationToken ct)
    {
        if (PlanId.TryParse(id, out var planId) && await db.Plans.AsNoTracking().AnyAsync(
            row => row.Id == planId && row.Project == caller.Project && row.Status == PlanStatus.Deleted, ct))
        {
            return TypedResults.NoContent();
        }

        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var plan = await db.Plans.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(plan.Version);
        plan.IsDeleted(time.GetUtcNow());
        await db.Quotas().ReserveAsync(caller.Project, "backupPlans", -1, ct);
        db.AddPlanEvent(plan, "deleted");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return TypedResults.NoContent();
    }
}
