using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.OpenApi;

namespace Cloud.Backup.Plans;

internal static class PlanEndpoints
{
    private const string Example = """
        {"name": "nightly", "schedule": "0 3 * * *", "timeZone": "Europe/Madrid", "retention": {"last": 7, "weekly": 4},
         "resources": ["vol-01jdgz8k5q4v7m2n9x3c6b1a0e"]}
        """;

    public static void MapPlans(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/backup-plans").WithTags("Backup plans").RequireRole(Role.Viewer);
        read.MapGet("/", ListPlans.HandleAsync).WithName("ListBackupPlans").WithSummary("Lists the project's backup plans");
        read.MapGet("/{id}", GetPlan.HandleAsync).WithName("GetBackupPlan").WithSummary("Shows one backup plan");
        read.MapGet("/{id}/schedule", PreviewSchedule.HandleAsync).WithName("PreviewSchedule")
            .WithSummary("Says when a plan runs next: ?preview= times");

        var change = routes.MapGroup("/v1/backup-plans").WithTags("Backup plans").RequireRole(Role.Editor);
        change.MapPost("/", CreatePlan.HandleAsync).WithName("CreateBackupPlan")
            .WithSummary("Says what is backed up when, and how long it is kept").WithExample(Example);
        change.MapPatch("/{id}", PatchPlan.HandleAsync).WithName("PatchBackupPlan").WithSummary("Changes a backup plan");
        change.MapDelete("/{id}", DeletePlan.HandleAsync).WithName("DeleteBackupPlan")
            .WithSummary("Removes a backup plan; its recovery points stay");
        change.MapPost("/{id}/run", RunPlan.HandleAsync).WithName("RunBackupPlan")
            .WithSummary("Backs up now; answers a job for each resource");
        change.MapPost("/{id}/prune", PrunePlan.HandleAsync).WithName("PruneBackupPlan")
            .WithSummary("Lets go of what the retention does not keep; ?dryRun=true only says what");
    }
}
