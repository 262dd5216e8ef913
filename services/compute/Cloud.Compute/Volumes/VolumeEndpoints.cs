using Cloud.Compute.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;

namespace Cloud.Compute.Volumes;

/// <summary><see cref="IVolumeHosts"/> over HTTP, for block storage in another process. Its caller is the cloud itself.</summary>
internal static class VolumeEndpoints
{
    public static void MapVolumeHosts(this IEndpointRouteBuilder routes)
    {
        var volumes = routes.MapGroup("/internal/v1/volume-hosts").RequireServiceKey().ExcludeFromDescription();
        volumes.MapGet("/", (IVolumeHosts hosts, CancellationToken ct) => hosts.ChooseAsync(ct));
        volumes.MapGet(
            "/{host}/other",
            (string host, string? named, IVolumeHosts hosts, CancellationToken ct) => hosts.ChooseOtherAsync(host, named, ct));
        volumes.MapGet("/drained", (IVolumeHosts hosts, CancellationToken ct) => hosts.ListDrainedAsync(ct));
        volumes.MapPost(
            "/{host}/volumes/{volume}/copy",
            (string host, string volume, string to, IVolumeHosts hosts, CancellationToken ct) => hosts.CopyToAsync(host, volume, to, ct));
        volumes.MapPost(
            "/{host}/volumes/{volume}/keep",
            (string host, string volume, IVolumeHosts hosts, CancellationToken ct) => hosts.KeepAsync(host, volume, ct));
        volumes.MapPost(
            "/{host}/volumes/{volume}/forget",
            (string host, string volume, IVolumeHosts hosts, CancellationToken ct) => hosts.ForgetAsync(host, volume, ct));
        volumes.MapPut("/volumes", (HostedVolume volume, IVolumeHosts hosts, CancellationToken ct) => hosts.PutAsync(volume, ct));
        volumes.MapGet(
            "/{host}/volumes", (string host, IVolumeHosts hosts, CancellationToken ct) => hosts.ListAsync(host, ct));
        volumes.MapDelete(
            "/{host}/volumes/{volume}",
            (string host, string volume, IVolumeHosts hosts, CancellationToken ct) => hosts.DeleteAsync(host, volume, ct));
        volumes.MapGet(
            "/instances/{instance}",
            async (string instance, string project, IVolumeHosts hosts, CancellationToken ct) =>
                await hosts.FindInstanceAsync(project, instance, ct) ?? throw CloudException.NotFound("instance", instance));
        volumes.MapPut(
            "/instances/volumes", (PluggedVolume volume, IVolumeHosts hosts, CancellationToken ct) => hosts.PlugAsync(volume, ct));
        volumes.MapDelete(
            "/instances/{instance}/volumes/{volume}",
            (string instance, string volume, bool force, IVolumeHosts hosts, CancellationToken ct) =>
                hosts.UnplugAsync(instance, volume, force, ct));
        volumes.MapGet(
            "/images/{image}",
            async (string image, string project, IVolumeHosts hosts, CancellationToken ct) =>
                await hosts.FindImageAsync(project, image, ct) ?? throw CloudException.NotFound("image", image));
        volumes.MapPost("/images", (NewVolumeImage image, IVolumeHosts hosts, CancellationToken ct) => hosts.CreateImageAsync(image, ct));
        volumes.MapGet(
            "/{host}/volumes/{volume}/metrics",
            (string host, string volume, IVolumeHosts hosts, CancellationToken ct) => hosts.ReadMetricsAsync(host, volume, ct));
        volumes.MapPut(
            "/{host}/volumes/{volume}/incoming",
            (string host, string volume, long offset, HttpRequest request, IVolumeHosts hosts, CancellationToken ct) =>
                hosts.StageAsync(host, volume, offset, request.Body, ct)).WithStreamedBody();
        volumes.MapPost(
            "/{host}/volumes/{volume}/import",
            async (string host, string volume, long fileBytes, long from, IVolumeHosts hosts, CancellationToken ct) =>
                new ImportProgress(await hosts.ImportAsync(host, volume, fileBytes, from, ct)));
        volumes.MapGet("/master-keys", (IVolumeHosts hosts, CancellationToken ct) => hosts.ReadMasterKeysAsync(ct));
        volumes.MapPost("/master-keys/rotate", (IVolumeHosts hosts, CancellationToken ct) => hosts.RotateMasterKeysAsync(ct));
        volumes.MapPut(
            "/{host}/snapshots",
            (string host, Dictionary<string, string> snapshots, IVolumeHosts hosts, CancellationToken ct) =>
                hosts.SnapshotAsync(host, snapshots, ct));
        volumes.MapDelete(
            "/{host}/snapshots/{snapshot}",
            (string host, string snapshot, IVolumeHosts hosts, CancellationToken ct) => hosts.DeleteSnapshotAsync(host, snapshot, ct));
        volumes.MapGet(
            "/{host}/content/{source}",
            async (string host, string source, long offset, long lengthBytes, IVolumeHosts hosts, CancellationToken ct) =>
                TypedResults.Stream(
                    await hosts.ReadContentAsync(host, source, offset, lengthBytes, ct), "application/octet-stream"));
        volumes.MapPut(
            "/{host}/content/{volume}",
            (string host, string volume, long offset, HttpRequest request, IVolumeHosts hosts, CancellationToken ct) =>
                hosts.WriteContentAsync(host, volume, offset, request.Body, ct)).WithStreamedBody();
        volumes.MapGet(
            "/{host}/snapshots/{snapshot}/extents",
            (string host, string snapshot, string? since, long offset, int countMax, IVolumeHosts hosts, CancellationToken ct) =>
                hosts.ListExtentsAsync(host, snapshot, since, offset, countMax, ct));
        volumes.MapPost(
            "/{host}/volumes/{volume}/restore",
            (string host, string volume, string snapshot, IVolumeHosts hosts, CancellationToken ct) =>
                hosts.RestoreAsync(host, volume, snapshot, ct));
    }
}
