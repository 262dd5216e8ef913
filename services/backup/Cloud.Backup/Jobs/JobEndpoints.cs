using Cloud.ServiceDefaults.Auth;

namespace Cloud.Backup.Jobs;

internal static class JobEndpoints
{
    public static void MapJobs(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/backup-jobs").WithTags("Backup jobs").RequireRole(Role.Viewer);
        read.MapGet("/", ListJobs.HandleAsync).WithName("ListBackupJobs")
            .WithSummary("Lists the project's backup jobs; ?plan=, ?resource=");
        read.MapGet("/{id}", GetJob.HandleAsync).WithName("GetBackupJob").WithSummary("Shows one backup job, with its timeline");

        var change = routes.MapGroup("/v1/backup-jobs").WithTags("Backup jobs").RequireRole(Role.Editor);
        change.MapPost("/{id}/cancel", CancelJob.HandleAsync).WithName("CancelBackupJob").WithSummary("Stops a job");
        change.MapPost("/{id}/retry", RetryJob.HandleAsync).WithName("RetryBackupJob")
            .WithSummary("Begins a job again that failed or was cancelled");
    }
}
