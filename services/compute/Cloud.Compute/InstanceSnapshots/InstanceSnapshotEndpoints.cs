using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.InstanceSnapshots;

internal static class InstanceSnapshotEndpoints
{
    public static void MapInstanceSnapshots(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/instance-snapshots").WithTags("Instance snapshots").RequireRole(Role.Viewer);
        read.MapGet("/", ListInstanceSnapshots.HandleAsync).WithName("ListInstanceSnapshots")
            .WithSummary("Lists the snapshots of the project's instances");
        read.MapGet("/{id}", GetInstanceSnapshot.HandleAsync).WithName("GetInstanceSnapshot").WithSummary("Shows one snapshot");

        var change = routes.MapGroup("/v1").WithTags("Instance snapshots").RequireRole(Role.Editor);
        change.MapPost("/instances/{id}/snapshot", CreateInstanceSnapshot.HandleAsync).WithName("CreateInstanceSnapshot")
            .WithSummary("Keeps what a running instance is now: memory, devices and root disk");
        change.MapPost("/instance-snapshots/{id}/restore", RestoreInstanceSnapshot.HandleAsync).WithName("RestoreInstanceSnapshot")
            .WithSummary("Brings an instance back to its snapshot");
        change.MapDelete("/instance-snapshots/{id}", DeleteInstanceSnapshot.HandleAsync).WithName("DeleteInstanceSnapshot")
            .WithSummary("Removes a snapshot");
    }
}
