using Cloud.Backup.Jobs;
using Cloud.Backup.Persistence;
using Cloud.Backup.Sources;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.RecoveryPoints;

/// <summary>Brings a resource back to what it held before the last restore of this point in place.</summary>
internal static class UndoRestore
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, HttpContext context, BackupDbContext db, BackupSources sources, JobChanges changes,
        CancellationToken ct)
    {
        var point = await db.RecoveryPoints.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var job = await db.Jobs.AsNoTracking()
            .Where(row => row.RecoveryPoint == point.Id && row.Kind == JobKind.Restore && row.Safety != null)
            .OrderByDescending(row => row.Id).FirstOrDefaultAsync(ct)
            ?? throw CloudException.Conflict(
                "nothing-to-undo", $"Recovery point {point.Id} was not restored in place, or that is undone.");
        if (!job.Settled)
        {
            throw CloudException.Conflict("restore-under-way", $"Job {job.Id} restores it now: cancel it, or wait for its end.");
        }

        await sources.Of(job.Resource).UndoAsync(job.Project, job.Resource, job.Safety!, ct);
        await changes.ApplyAsync(job.Id, null, (own, row, now) =>
        {
            row.IsUndone(now);
            own.AddJobEvent(row, "undone");
            return Task.FromResult(true);
        }, ct);
        var undone = await db.Jobs.AsNoTracking().SingleAsync(row => row.Id == job.Id, ct);
        return ResourceResults.Ok(context, JobView.From(undone, undone.UpdatedAt), undone.Version);
    }
}
