using Cloud.BlockStorage.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.BlockStorage.Neighbours;

/// <summary><see cref="IBlockStorage"/> over HTTP, for services in other processes. Their calls carry the service key.</summary>
internal static class NeighbourEndpoints
{
    public static void MapBlockStorageService(this IEndpointRouteBuilder routes)
    {
        var storage = routes.MapGroup("/internal/v1/block-storage").RequireServiceKey().ExcludeFromDescription();
        storage.MapPut(
            "/attachments", (BlockAttachment attachment, IBlockStorage blocks, CancellationToken ct) => blocks.AttachAsync(attachment, ct));
        var project = storage.MapGroup("/projects/{project}");
        project.MapGet("/volumes/{volume}", async (string project, string volume, IBlockStorage blocks, CancellationToken ct) =>
            await blocks.FindVolumeAsync(project, volume, ct) ?? throw CloudException.NotFound("volume", volume));
        project.MapDelete(
            "/instances/{instance}/volumes",
            (string project, string instance, IBlockStorage blocks, CancellationToken ct) => blocks.ReleaseAsync(project, instance, ct));
    }
}
