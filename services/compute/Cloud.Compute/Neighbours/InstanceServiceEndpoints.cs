using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.Neighbours;

/// <summary><see cref="IInstances"/> over HTTP, for backups in another process. Its caller is the cloud itself.</summary>
internal static class InstanceServiceEndpoints
{
    public static void MapInstanceService(this IEndpointRouteBuilder routes)
    {
        var instances = routes.MapGroup("/internal/v1/projects/{project}/instances").RequireServiceKey().ExcludeFromDescription();
        instances.MapGet("/{instance}", async (string project, string instance, IInstances own, CancellationToken ct) =>
            await own.FindAsync(project, instance, ct) ?? throw CloudException.NotFound("instance", instance));
        instances.MapPost("/search", (string project, Dictionary<string, string> labels, IInstances own, CancellationToken ct) =>
            own.ListAsync(project, labels, ct));
        instances.MapPut("/", (string project, NewInstanceCopy copy, IInstances own, CancellationToken ct) =>
            own.CreateAsync(project, copy, ct));
        instances.MapPost("/{instance}/stop", (string project, string instance, IInstances own, CancellationToken ct) =>
            own.StopAsync(project, instance, ct));
        instances.MapPost("/{instance}/start", (string project, string instance, IInstances own, CancellationToken ct) =>
            own.StartAsync(project, instance, ct));
        instances.MapPut("/{instance}/root", (string project, string instance, string snapshot, IInstances own, CancellationToken ct) =>
            own.ReplaceRootAsync(project, instance, snapshot, ct));
        instances.MapDelete("/{instance}", (string project, string instance, IInstances own, CancellationToken ct) =>
            own.DeleteAsync(project, instance, ct));
        instances.MapPost(
            "/{instance}/exec", (string project, string instance, IReadOnlyList<string> command, IInstances own, CancellationToken ct) =>
                own.ExecAsync(project, instance, command, ct));
    }
}
