using Cloud.Backup.Jobs;
using Cloud.Backup.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Backup.Vaults;

/// <summary>Reads all of a vault and names what is damaged; answers the job.</summary>
internal static class VerifyVault
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, HttpContext context, BackupDbContext db, JobWaiter waiter, ReconcilerSignals signals,
        TimeProvider time, CancellationToken ct)
    {
        var vault = await db.Vaults.FindVisibleAsync(caller, id, ct);
        vault.RequireActive();
        var job = BackupJob.OfVault(TypedId.New<JobId>(time), vault, time.GetUtcNow());
        return await JobAnswers.StartAsync(job, wait, context, db, waiter, signals, ct);
    }
}
