using Cloud.BlockStorage.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;

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
        project.MapPost(
            "/volumes/search",
            (string project, Dictionary<string, string> labels, IBlockStorage blocks, CancellationToken ct) =>
                blocks.ListVolumesAsync(project, labels, ct));
        storage.MapPut(
            "/volumes", (NewBlockVolume volume, IBlockStorage blocks, CancellationToken ct) => blocks.CreateVolumeAsync(volume, ct));
        project.MapPost(
            "/volumes/{volume}/grow",
            (string project, string volume, long sizeBytes, IBlockStorage blocks, CancellationToken ct) =>
                blocks.GrowVolumeAsync(project, volume, sizeBytes, ct));
        project.MapDelete(
            "/volumes/{volume}",
            (string project, string volume, IBlockStorage blocks, CancellationToken ct) => blocks.DeleteVolumeAsync(project, volume, ct));
        project.MapPost(
            "/volumes/{volume}/detach",
            (string project, string volume, bool force, IBlockStorage blocks, CancellationToken ct) =>
                blocks.DetachAsync(project, volume, force, ct));
        project.MapPut(
            "/snapshots",
            (string project, Dictionary<string, string> names, IBlockStorage blocks, CancellationToken ct) =>
                blocks.SnapshotAsync(project, names, ct));
        project.MapGet("/snapshots/{snapshot}", async (string project, string snapshot, IBlockStorage blocks, CancellationToken ct) =>
            await blocks.FindSnapshotAsync(project, snapshot, ct) ?? throw CloudException.NotFound("snapshot", snapshot));
        project.MapDelete(
            "/snapshots/{snapshot}",
            (string project, string snapshot, IBlockStorage blocks, CancellationToken ct) =>
                blocks.DeleteSnapshotAsync(project, snapshot, ct));
        project.MapGet(
            "/snapshots/{snapshot}/changes",
            (string project, string snapshot, string? since, long offset, int countMax, IBlockStorage blocks, CancellationToken ct) =>
                blocks.ListChangesAsync(project, snapshot, since, offset, countMax, ct));
        project.MapGet(
            "/content/{source}",
            async (string project, string source, long offset, long lengthBytes, IBlockStorage blocks, CancellationToken ct) =>
                TypedResults.Stream(await blocks.ReadAsync(project, source, offset, lengthBytes, ct), "application/octet-stream"));
        project.MapGet(
            "/export/{source}",
            async (string project, string source, IBlockStorage blocks, CancellationToken ct) =>
                TypedResults.Stream(await blocks.ExportAsync(project, source, ct), "application/octet-stream"));
        project.MapPut(
            "/content/{volume}",
            (string project, string volume, long offset, HttpRequest request, IBlockStorage blocks, CancellationToken ct) =>
                blocks.WriteAsync(project, volume, offset, request.Body, ct)).WithStreamedBody();
        project.MapGet(
            "/instances/{instance}/volumes",
            (string project, string instance, IBlockStorage blocks, CancellationToken ct) =>
                blocks.ListAttachedAsync(project, instance, ct));
        project.MapPost(
            "/instances/{instance}/begin-move",
            (string project, string instance, IBlockStorage blocks, CancellationToken ct) => blocks.BeginMoveAsync(project, instance, ct));
        project.MapPost(
            "/instances/{instance}/end-move",
            (string project, string instance, string host, IBlockStorage blocks, CancellationToken ct) =>
                blocks.EndMoveAsync(project, instance, host, ct));
        project.MapDelete(
            "/instances/{instance}/volumes",
            (string project, string instance, IBlockStorage blocks, CancellationToken ct) => blocks.ReleaseAsync(project, instance, ct));
    }
}
