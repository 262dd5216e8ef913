using Cloud.Backup.Jobs;
using Cloud.Backup.Persistence;
using Cloud.Backup.Plans;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Backup.RecoveryPoints;

/// <summary>The body of <c>POST /v1/recovery-points/{id}/copy</c>.</summary>
public sealed record CopyRequest
{
    /// <summary>The name or id of another vault.</summary>
    public required string Vault { get; init; }
}

/// <summary>Copies a point into another vault; answers the job, whose <c>restored</c> is the copy.</summary>
internal static class CopyRecoveryPoint
{
    public static async Task<IResult> HandleAsync(
        string id, CopyRequest request, Caller caller, WaitQuery wait, HttpContext context, BackupDbContext db, JobWaiter waiter,
        ReconcilerSignals signals, TimeProvider time, CancellationToken ct)
    {
        var point = await db.RecoveryPoints.FindVisibleAsync(caller, id, ct);
        point.RequireRestorable();
        var vault = await PlanRequests.VaultAsync(db, caller.Project, request.Vault, "vault", ct);
        if (vault.Id == point.Vault)
        {
            throw CloudException.Invalid("vault", "The recovery point lies in this vault.");
        }

        var job = BackupJob.Of(TypedId.New<JobId>(time), JobKind.Copy, point, time.GetUtcNow(), targetVault: vault.Id);
        return await JobAnswers.StartAsync(job, point, wait, context, db, waiter, signals, ct);
    }
}
