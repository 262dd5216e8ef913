using Cloud.Backup.Jobs;
using Cloud.Backup.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Backup.RecoveryPoints;

/// <summary>Restores a point to something that is thrown away, and compares; answers the job. The point then says what was found.</summary>
internal static class VerifyRecoveryPoint
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, HttpContext context, BackupDbContext db, JobWaiter waiter, ReconcilerSignals signals,
        TimeProvider time, CancellationToken ct)
    {
        var point = await db.RecoveryPoints.FindVisibleAsync(caller, id, ct);
        var job = BackupJob.Of(TypedId.New<JobId>(time), JobKind.Verify, point, time.GetUtcNow());
        return await JobAnswers.StartAsync(job, point, wait, context, db, waiter, signals, ct);
    }
}
