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
        string id, Caller caller, HttpContext context, BackupDbContext db, BackupSources sources, TimeProvider time, CancellationToken ct)
    {
        var point = await db.RecoveryPoints.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var job = await db.Jobs.Where(row => row.RecoveryPoint == point.Id && row.Kind == JobKind.Restore && row.Safety != null)
            .OrderByDescending(row => row.Id).FirstOrDefaultAsync(ct)
            ?? throw CloudException.Conflict("nothing-to-undo", $"Recovery point {point.Id} was not restored in place, or that is undone.");
        await sources.Of(job.Resource).UndoAsync(job.Project, job.Resource, job.Safety!, ct);
        job.IsUndone(time.GetUtcNow());
        db.AddJobEvent(job, "undone");
        await db.SaveChangesAsync(ct);
        return ResourceResults.Ok(context, JobView.From(job, job.UpdatedAt), job.Version);
    }
}
