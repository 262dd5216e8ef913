using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.Neighbours;

/// <summary><see cref="IInstances"/> over HTTP, for services in other processes. Its caller is the cloud itself.</summary>
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
        routes.MapGet(
            "/internal/v1/container-refusal",
            async (string image, int vcpus, long memoryBytes, string? volumeHost, IInstances own, CancellationToken ct) =>
                new ContainerRefusal(await own.RefusalOfContainerAsync(image, vcpus, memoryBytes, volumeHost, ct)))
            .RequireServiceKey().ExcludeFromDescription();
        routes.MapPut("/internal/v1/service-instances", (NewServiceInstance instance, IInstances own, CancellationToken ct) =>
            own.CreateServiceAsync(instance, ct)).RequireServiceKey().ExcludeFromDescription();
        instances.MapPost(
            "/{instance}/resize",
            (string project, string instance, int vcpus, long memoryBytes, IInstances own, CancellationToken ct) =>
                own.ResizeAsync(project, instance, vcpus, memoryBytes, ct));
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
        instances.MapGet("/{instance}/run", RunAsync);
    }

    private static async Task RunAsync(string project, string instance, HttpContext context, IInstances own, CancellationToken ct)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            throw CloudException.Invalid("upgrade", "A command's streams go by a WebSocket.");
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync(
            new WebSocketAcceptContext { KeepAliveInterval = ContainerCommandSocket.KeepAlive });
        await ContainerCommandSocket.ServeAsync(
            socket, (command, input, output, end) => own.RunAsync(project, instance, command, input, output, end), ct);
    }
}
