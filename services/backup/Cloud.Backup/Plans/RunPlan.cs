using Cloud.Backup.Jobs;
using Cloud.Backup.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Backup.Plans;

/// <summary>Runs a plan now; answers a job for each of its resources.</summary>
internal static class RunPlan
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, BackupDbContext db, PlanRuns runs, JobWaiter waiter, CancellationToken ct)
    {
        var plan = await db.Plans.FindVisibleAsync(caller, id, ct);
        var jobs = await waiter.WaitAsync(await runs.StartAsync(plan.Id, row => row.Status != PlanStatus.Deleted, ct), wait, ct);
        var settled = wait.Waits && jobs.All(job => job.Settled);
        return TypedResults.Json(
            new Page<JobView>([.. jobs.Select(job => JobView.From(job, job.UpdatedAt))], null), JsonDefaults.Options,
            statusCode: settled ? StatusCodes.Status200OK : StatusCodes.Status202Accepted);
    }
}
