using Cloud.BlockStorage.Content;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.BlockStorage.Snapshots;

internal static class SnapshotEndpoints
{
    public static void MapSnapshots(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/snapshots").WithTags("Snapshots").RequireRole(Role.Viewer);
        read.MapGet("/", ListSnapshots.HandleAsync).WithName("ListSnapshots").WithSummary("Lists the project's snapshots");
        read.MapGet("/{id}", GetSnapshot.HandleAsync).WithName("GetSnapshot").WithSummary("Shows one snapshot");
        read.MapGet("/{id}/content", GetContent.OfSnapshotAsync).WithName("GetSnapshotContent")
            .WithSummary("Downloads a snapshot as a raw disk image or qcow2, or a range of it");
        read.MapGet("/{id}/changes", ListChanges.HandleAsync).WithName("ListSnapshotChanges")
            .WithSummary("Lists the blocks that differ from an older snapshot, or all that were written");

        var change = routes.MapGroup("/v1/snapshots").WithTags("Snapshots").RequireRole(Role.Editor);
        change.MapPost("/", CreateSnapshot.HandleAsync).WithName("CreateSnapshot")
            .WithSummary("Keeps what one volume, or several at one instant, hold now");
        change.MapPatch("/{id}", PatchSnapshot.HandleAsync).WithName("PatchSnapshot").WithSummary("Renames or labels a snapshot");
        change.MapPost("/{id}/to-image", ToImage.OfSnapshotAsync).WithName("SnapshotToImage")
            .WithSummary("Makes an image of a snapshot that boots");
        change.MapDelete("/{id}", DeleteSnapshot.HandleAsync).WithName("DeleteSnapshot")
            .WithSummary("Removes a snapshot; volumes made of it stay");
    }
}
