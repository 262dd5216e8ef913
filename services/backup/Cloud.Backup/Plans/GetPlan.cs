using Cloud.Backup.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Plans;

internal static class GetPlan
{
    public static async Task<IResult> HandleAsync(string id, Caller caller, HttpContext context, BackupDbContext db, CancellationToken ct)
    {
        var plan = await db.Plans.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return ResourceResults.Ok(context, PlanView.From(plan), plan.Version);
    }
}
