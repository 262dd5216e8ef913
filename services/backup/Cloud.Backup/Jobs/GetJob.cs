using Cloud.Backup.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Jobs;

internal static class GetJob
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, HttpContext context, BackupDbContext db, JobWaiter waiter, TimeProvider time,
        CancellationToken ct)
    {
        var job = await waiter.WaitAsync(await db.Jobs.AsNoTracking().FindVisibleAsync(caller, id, ct), wait, ct);
        return ResourceResults.Ok(context, JobView.From(job, time.GetUtcNow()), job.Version);
    }
}
