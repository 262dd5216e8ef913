using Cloud.Backup.Jobs;
using Cloud.Backup.Persistence;
using Cloud.Backup.Sources;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Backup.RecoveryPoints;

/// <summary>The body of <c>POST /v1/recovery-points/{id}/restore</c>: a name for a new resource, or in place.</summary>
public sealed record RestoreRequest
{
    public string? Name { get; init; }

    /// <summary>Over what the resource holds now, which is kept: <c>undo-restore</c> brings it back.</summary>
    public bool InPlace { get; init; }

    /// <summary>
    /// For a database: every commit up to this time, and none after. It lies between the point's <c>restorableFrom</c> and
    /// <c>createdAt</c>; left out, it is the latter.
    /// </summary>
    public DateTimeOffset? To { get; init; }
}

/// <summary>Restores a recovery point; answers the job, whose <c>restored</c> is the resource.</summary>
internal static class RestoreRecoveryPoint
{
    public static async Task<IResult> HandleAsync(
        string id, RestoreRequest request, Caller caller, WaitQuery wait, HttpContext context, BackupDbContext db, JobWaiter waiter,
        ReconcilerSignals signals, BackupSources sources, TimeProvider time, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(request.InPlace == (request.Name is null), "name", "Expected a name for what is made, or inPlace, and not both.");
        errors.Require(request.Name is null || ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        errors.ThrowIfAny();
        var point = await db.RecoveryPoints.FindVisibleAsync(caller, id, ct);
        point.RequireRestorable();
        if (request.To is { } to)
        {
            point.RequireOpens(to);
        }

        if (request.Name is { } name && await sources.Of(point.Resource).FindNameAsync(point.Project, name, ct) is not null)
        {
            throw CloudException.Conflict("name-taken", $"There is already a {sources.Of(point.Resource).Kind} '{name}' in this project.");
        }

        var job = BackupJob.Of(TypedId.New<JobId>(time), JobKind.Restore, point, time.GetUtcNow(), request.Name, to: request.To);
        return await JobAnswers.StartAsync(job, point, wait, context, db, waiter, signals, ct);
    }
}
