using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Plans;

/// <summary>Look-ups of plans, scoped by the caller's project. A name or an id addresses one.</summary>
internal static class PlanQueries
{
    /// <summary>All but the deleted, whose rows stay for the answer to a second DELETE.</summary>
    public static IQueryable<BackupPlan> Existing(this IQueryable<BackupPlan> plans) =>
        plans.Where(plan => plan.Status != PlanStatus.Deleted);

    /// <exception cref="CloudException">The project has no such plan.</exception>
    public static async Task<BackupPlan> FindVisibleAsync(
        this IQueryable<BackupPlan> plans, Caller caller, string nameOrId, CancellationToken ct) =>
        (PlanId.TryParse(nameOrId, out var id)
            ? await plans.Existing().SingleOrDefaultAsync(plan => plan.Id == id && plan.Project == caller.Project, ct)
            : await plans.Existing().SingleOrDefaultAsync(plan => plan.Name == nameOrId && plan.Project == caller.Project, ct))
        ?? throw CloudException.NotFound("backup plan", nameOrId);

    /// <summary>What a list is asked for by: also a plan that is gone, by its id.</summary>
    /// <exception cref="CloudException">It is no id, and the project has no plan of this name.</exception>
    public static async Task<PlanId> FindIdAsync(this IQueryable<BackupPlan> plans, Caller caller, string nameOrId, CancellationToken ct) =>
        PlanId.TryParse(nameOrId, out var id)
            ? id
            : (await plans.AsNoTracking().Existing().SingleOrDefaultAsync(
                plan => plan.Name == nameOrId && plan.Project == caller.Project, ct))?.Id
                ?? throw CloudException.Invalid("plan", "Expected a plan's name or id.");
}
