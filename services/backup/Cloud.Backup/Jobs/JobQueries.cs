using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Jobs;

/// <summary>Look-ups of jobs, scoped by the caller's project.</summary>
internal static class JobQueries
{
    /// <exception cref="CloudException">The project has no such job.</exception>
    public static async Task<BackupJob> FindVisibleAsync(this IQueryable<BackupJob> jobs, Caller caller, string id, CancellationToken ct) =>
        (JobId.TryParse(id, out var jobId)
            ? await jobs.SingleOrDefaultAsync(job => job.Id == jobId && job.Project == caller.Project, ct)
            : null)
        ?? throw CloudException.NotFound("backup job", id);
}
