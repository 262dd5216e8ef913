using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.OpenApi;

namespace Cloud.Backup.RecoveryPoints;

internal static class RecoveryPointEndpoints
{
    public static void MapRecoveryPoints(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/recovery-points").WithTags("Recovery points").RequireRole(Role.Viewer);
        read.MapGet("/", ListRecoveryPoints.HandleAsync).WithName("ListRecoveryPoints")
            .WithSummary("Lists the project's recovery points; ?plan=, ?vault=, ?resource=");
        read.MapGet("/{id}", GetRecoveryPoint.HandleAsync).WithName("GetRecoveryPoint").WithSummary("Shows one recovery point");
        read.MapGet("/{id}/files", ReadFiles.HandleAsync).WithName("ReadFiles")
            .WithSummary("Lists a folder or sends a file of a recovery point's disk, without restoring it: ?path=, ?disk=");

        var change = routes.MapGroup("/v1/recovery-points").WithTags("Recovery points").RequireRole(Role.Editor);
        change.MapDelete("/{id}", DeleteRecoveryPoint.HandleAsync).WithName("DeleteRecoveryPoint").WithSummary("Removes a recovery point");
        change.MapPost("/{id}/restore", RestoreRecoveryPoint.HandleAsync).WithName("RestoreRecoveryPoint")
            .WithSummary("Makes a resource of a recovery point, or brings the resource back to it")
            .WithExample("""{"name": "restored"}""");
        change.MapPost("/{id}/undo-restore", UndoRestore.HandleAsync).WithName("UndoRestore")
            .WithSummary("Brings a resource back to what it held before a restore in place");
        change.MapPost("/{id}/verify", VerifyRecoveryPoint.HandleAsync).WithName("VerifyRecoveryPoint")
            .WithSummary("Restores a point to something that is thrown away, and compares");
        change.MapPost("/{id}/copy", CopyRecoveryPoint.HandleAsync).WithName("CopyRecoveryPoint")
            .WithSummary("Copies a recovery point into another vault").WithExample("""{"vault": "offsite"}""");
    }
}
