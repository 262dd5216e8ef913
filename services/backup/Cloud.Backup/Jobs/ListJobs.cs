using Cloud.Backup.Persistence;
using Cloud.Backup.Plans;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Jobs;

internal static class ListJobs
{
    public static async Task<Page<JobView>> HandleAsync(
        string? plan, string? resource, Caller caller, ListQuery list, HttpContext context, BackupDbContext db, TimeProvider time,
        CancellationToken ct)
    {
        var rows = db.Jobs.AsNoTracking().Where(job => job.Project == caller.Project);
        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<JobStatus>(statusText, "status");
            rows = rows.Where(job => job.Status == status);
        }

        if (plan is not null)
        {
            var planId = await db.Plans.FindIdAsync(caller, plan, ct);
            rows = rows.Where(job => job.Plan == planId);
        }

        if (resource is not null)
        {
            rows = rows.Where(job => job.Resource == resource);
        }

        if (list.After is { } after)
        {
            rows = rows.Where(job => string.Compare((string)(object)job.Id, after) > 0);
        }

        var found = await rows.OrderBy(job => job.Id).Take(list.Limit + 1).ToListAsync(ct);
        var now = time.GetUtcNow();
        return list.ToPage(context, found, job => job.Id.Value, job => JobView.From(job, now));
    }
}
