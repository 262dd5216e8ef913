using Cloud.ServiceDefaults.Auth;

namespace Cloud.BlockStorage.Snapshots;

internal static class SnapshotEndpoints
{
    public static void MapSnapshots(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/snapshots").WithTags("Snapshots").RequireRole(Role.Viewer);
        read.MapGet("/", ListSnapshots.HandleAsync).WithName("ListSnapshots").WithSummary("Lists the project's snapshots");
        read.MapGet("/{id}", GetSnapshot.HandleAsync).WithName("GetSnapshot").WithSummary("Shows one snapshot");

        var change = routes.MapGroup("/v1/snapshots").WithTags("Snapshots").RequireRole(Role.Editor);
        change.MapPost("/", CreateSnapshot.HandleAsync).WithName("CreateSnapshot").WithSummary("Keeps what a volume holds now");
        change.MapDelete("/{id}", DeleteSnapshot.HandleAsync).WithName("DeleteSnapshot")
            .WithSummary("Removes a snapshot; volumes made of it stay");
    }
}
