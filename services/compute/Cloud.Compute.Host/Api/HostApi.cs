using System.Globalization;
using System.Net.WebSockets;
using Cloud.Compute.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;

namespace Cloud.Compute.Host.Api;

/// <summary>
/// <see cref="IHostAgent"/> over HTTP, for a control plane in another process. Its caller is the cloud itself, by the service key.
/// </summary>
internal static class HostApi
{
    public static void MapHostApi(this IEndpointRouteBuilder routes)
    {
        var host = routes.MapGroup("/internal/v1/host").RequireServiceKey().ExcludeFromDescription();
        host.MapGet("/", (IHostAgent agent, CancellationToken ct) => agent.DescribeAsync(ct));
        host.MapGet("/changes", WatchAsync);
        host.MapGet("/engines", (IHostAgent agent, CancellationToken ct) => agent.ExamineEnginesAsync(ct));

        MapVolumes(host);
        MapSnapshots(host);
        MapMoves(host);
        var guests = host.MapGroup("/guests");
        guests.MapGet("/", (IHostAgent agent, CancellationToken ct) => agent.ListAsync(ct));
        guests.MapGet("/{id}", async (string id, IHostAgent agent, CancellationToken ct) =>
            await agent.FindAsync(id, ct) ?? throw CloudException.NotFound("guest", id));
        guests.MapPut("/", (GuestSpec spec, IHostAgent agent, CancellationToken ct) => agent.DefineAsync(spec, ct));
        guests.MapDelete("/{id}", (string id, IHostAgent agent, CancellationToken ct) => agent.RemoveAsync(id, ct));
        guests.MapPost("/{id}/start", (string id, IHostAgent agent, CancellationToken ct) => agent.StartAsync(id, ct));
        guests.MapPost("/{id}/power-down", (string id, IHostAgent agent, CancellationToken ct) => agent.PowerDownAsync(id, ct));
        guests.MapPost("/{id}/kill", (string id, IHostAgent agent, CancellationToken ct) => agent.KillAsync(id, ct));
        guests.MapPost("/{id}/reset", (string id, IHostAgent agent, CancellationToken ct) => agent.ResetAsync(id, ct));
        guests.MapPost("/{id}/pause", (string id, IHostAgent agent, CancellationToken ct) => agent.PauseAsync(id, ct));
        guests.MapPost("/{id}/resume", (string id, IHostAgent agent, CancellationToken ct) => agent.ResumeAsync(id, ct));
        guests.MapPost("/{id}/suspend", (string id, IHostAgent agent, CancellationToken ct) => agent.SuspendAsync(id, ct));
        guests.MapPut("/{id}/volumes", (string id, GuestVolume volume, IHostAgent agent, CancellationToken ct) =>
            agent.AttachVolumeAsync(id, volume, ct));
        guests.MapDelete("/{id}/volumes/{volume}", (string id, string volume, bool force, IHostAgent agent, CancellationToken ct) =>
            agent.DetachVolumeAsync(id, volume, force, ct));
        guests.MapGet("/{id}/metrics", (string id, IHostAgent agent, CancellationToken ct) => agent.ReadMetricsAsync(id, ct));
        guests.MapGet("/{id}/exits", (string id, IHostAgent agent, CancellationToken ct) => agent.ReadExitsAsync(id, ct));
        guests.MapGet("/{id}/harts", (string id, string? address, IHostAgent agent, CancellationToken ct) =>
            agent.ReadHartsAsync(id, address, ct));
        guests.MapPost(
            "/{id}/exec",
            (string id, IReadOnlyList<string> command, IHostAgent agent, CancellationToken ct) => agent.ExecAsync(id, command, ct));
        guests.MapGet("/{id}/run", RunAsync);
        guests.MapGet("/{id}/console", ReadConsoleAsync);
        guests.MapGet("/{id}/console/ws", OpenConsoleAsync);
    }

    /// <summary>An agent that is to end does not keep whoever waits for a change.</summary>
    private static async Task<GuestChanges> WatchAsync(
        long after, IHostAgent agent, IHostApplicationLifetime lifetime, CancellationToken ct)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, lifetime.ApplicationStopping);
        try
        {
            return await agent.WatchAsync(after, either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new GuestChanges(after, []);
        }
    }

    private static void MapMoves(RouteGroupBuilder host)
    {
        host.MapGet("/guests/{id}/departure", (string id, IHostAgent agent, CancellationToken ct) => agent.DescribeDepartureAsync(id, ct));
        host.MapPut("/arrivals", (GuestDeparture departure, IHostAgent agent, CancellationToken ct) =>
            agent.AwaitGuestAsync(departure, ct));
        host.MapDelete("/arrivals/{id}", (string id, IHostAgent agent, CancellationToken ct) => agent.EndArrivalAsync(id, ct));
        host.MapPost("/guests/{id}/move", (string id, GuestMove move, IHostAgent agent, CancellationToken ct) =>
            agent.MoveGuestAsync(id, move, ct));
        host.MapGet("/guests/{id}/move", async (string id, IHostAgent agent, CancellationToken ct) =>
            await agent.FindMoveAsync(id, ct) ?? throw CloudException.NotFound("move", id));
        host.MapPost("/guests/{id}/forget-departed", (string id, IReadOnlyList<string> departed, IHostAgent agent, CancellationToken ct) =>
            agent.ForgetDepartedAsync(id, departed, ct));
        host.MapPost("/guests/{id}/move/cancel", (string id, IHostAgent agent, CancellationToken ct) => agent.CancelMoveAsync(id, ct));
        host.MapPost("/guests/{id}/stay", (string id, IHostAgent agent, CancellationToken ct) => agent.StayAsync(id, ct));
        host.MapPut("/peers", (IReadOnlyList<HostPeer> peers, IHostAgent agent, CancellationToken ct) => agent.SetPeersAsync(peers, ct));
        host.MapPut("/services", (IReadOnlyList<HostService> services, IHostAgent agent, CancellationToken ct) =>
            agent.SetServicesAsync(services, ct));
    }

    private static void MapSnapshots(RouteGroupBuilder host)
    {
        host.MapPut(
            "/guests/{id}/snapshots/{snapshot}",
            (string id, string snapshot, bool withVolumes, IHostAgent agent, CancellationToken ct) =>
                agent.SnapshotAsync(id, snapshot, withVolumes, ct));
        host.MapPost("/guests/{id}/snapshots/{snapshot}/restore", (string id, string snapshot, IHostAgent agent, CancellationToken ct) =>
            agent.RestoreAsync(id, snapshot, ct));
        host.MapPut("/guests/{id}/root", (string id, string snapshot, IHostAgent agent, CancellationToken ct) =>
            agent.ReplaceRootAsync(id, snapshot, ct));
        host.MapGet("/guest-snapshots", (IHostAgent agent, CancellationToken ct) => agent.ListGuestSnapshotsAsync(ct));
        host.MapDelete("/guest-snapshots/{id}", (string id, IHostAgent agent, CancellationToken ct) =>
            agent.DeleteGuestSnapshotAsync(id, ct));
    }

    private static void MapVolumes(RouteGroupBuilder host)
    {
        var volumes = host.MapGroup("/volumes");
        volumes.MapGet("/", (IHostAgent agent, CancellationToken ct) => agent.Volumes.ListVolumesAsync(ct));
        volumes.MapPut("/", (VolumeSpec spec, IHostAgent agent, CancellationToken ct) => agent.Volumes.CreateVolumeAsync(spec, ct));
        volumes.MapGet("/{id}", async (string id, IHostAgent agent, CancellationToken ct) =>
            await agent.Volumes.FindVolumeAsync(id, ct) ?? throw CloudException.NotFound("volume", id));
        volumes.MapDelete("/{id}", (string id, IHostAgent agent, CancellationToken ct) => agent.Volumes.DeleteVolumeAsync(id, ct));
        volumes.MapPost("/{id}/await", (string id, IHostAgent agent, CancellationToken ct) => agent.Volumes.AwaitVolumeAsync(id, ct));
        volumes.MapPost("/{id}/send", (string id, GuestArrival to, IHostAgent agent, CancellationToken ct) =>
            agent.Volumes.SendVolumeAsync(id, to, ct));
        volumes.MapPost("/{id}/keep", (string id, IHostAgent agent, CancellationToken ct) => agent.Volumes.KeepVolumeAsync(id, ct));
        volumes.MapPost("/{id}/forget", (string id, IHostAgent agent, CancellationToken ct) => agent.Volumes.ForgetVolumeAsync(id, ct));
        volumes.MapPost("/{id}/resize", (string id, long sizeBytes, IHostAgent agent, CancellationToken ct) =>
            agent.Volumes.ResizeVolumeAsync(id, sizeBytes, ct));
        volumes.MapPost("/{id}/restore", (string id, string snapshot, IHostAgent agent, CancellationToken ct) =>
            agent.Volumes.RestoreVolumeAsync(id, snapshot, ct));
        volumes.MapGet("/{id}/metrics", async (string id, IHostAgent agent, CancellationToken ct) =>
            await agent.Volumes.ReadVolumeMetricsAsync(id, ct) ?? throw CloudException.NotFound("volume", id));
        volumes.MapPut(
            "/{id}/incoming",
            (string id, long offset, HttpRequest request, IHostAgent agent, CancellationToken ct) =>
                agent.Volumes.StageAsync(id, offset, request.Body, ct)).WithStreamedBody();
        volumes.MapPost(
            "/{id}/import",
            async (string id, long fileBytes, long from, IHostAgent agent, CancellationToken ct) =>
                new ImportProgress(await agent.Volumes.ImportAsync(id, fileBytes, from, ct)));
        host.MapGet("/volume-key", (IHostAgent agent, CancellationToken ct) => agent.Volumes.ReadMasterKeyAsync(ct));
        host.MapPost("/volume-key/rotate", (IHostAgent agent, CancellationToken ct) => agent.Volumes.RotateMasterKeyAsync(ct));
        var snapshots = host.MapGroup("/volume-snapshots");
        snapshots.MapGet("/", (IHostAgent agent, CancellationToken ct) => agent.Volumes.ListSnapshotsAsync(ct));
        snapshots.MapPut("/", (Dictionary<string, string> wanted, IHostAgent agent, CancellationToken ct) =>
            agent.Volumes.SnapshotVolumesAsync(wanted, ct));
        snapshots.MapGet(
            "/{id}/extents",
            (string id, string? since, long offset, int countMax, IHostAgent agent, CancellationToken ct) =>
                agent.Volumes.ListExtentsAsync(id, since, offset, countMax, ct));
        host.MapGet(
            "/volume-content/{id}",
            async (string id, long offset, long lengthBytes, IHostAgent agent, CancellationToken ct) => TypedResults.Stream(
                await agent.Volumes.ReadContentAsync(id, offset, lengthBytes, ct), "application/octet-stream"));
        host.MapPut(
            "/volume-content/{id}",
            (string id, long offset, HttpRequest request, IHostAgent agent, CancellationToken ct) =>
                agent.Volumes.WriteContentAsync(id, offset, request.Body, ct)).WithStreamedBody();
        snapshots.MapDelete("/{id}", (string id, IHostAgent agent, CancellationToken ct) => agent.Volumes.DeleteSnapshotAsync(id, ct));
    }

    /// <summary>Raw bytes; where they stand in the log is in the headers.</summary>
    private static async Task ReadConsoleAsync(string id, long offset, HttpContext context, IHostAgent agent, CancellationToken ct)
    {
        var chunk = await agent.ReadConsoleAsync(id, offset, ct);
        context.Response.ContentType = "application/octet-stream";
        context.Response.Headers[HostApiHeaders.Offset] = chunk.Offset.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers[HostApiHeaders.NextOffset] = chunk.NextOffset.ToString(CultureInfo.InvariantCulture);
        await context.Response.Body.WriteAsync(chunk.Bytes, ct);
    }

    private static async Task RunAsync(string id, HttpContext context, IHostAgent agent, CancellationToken ct)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            throw CloudException.Invalid("upgrade", "A command's streams go by a WebSocket.");
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync(
            new WebSocketAcceptContext { KeepAliveInterval = ContainerCommandSocket.KeepAlive });
        await ContainerCommandSocket.ServeAsync(
            socket, (command, input, output, end) => agent.RunAsync(id, command, input, output, end), ct);
    }

    private static async Task OpenConsoleAsync(string id, HttpContext context, IHostAgent agent, CancellationToken ct)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            throw CloudException.Invalid("upgrade", "The console is a WebSocket.");
        }

        await using var console = await agent.OpenConsoleAsync(id, ct);
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        await using var terminal = WebSocketStream.Create(socket, WebSocketMessageType.Binary, ownsWebSocket: false);
        await Task.WhenAny(console.CopyToAsync(terminal, ct), terminal.CopyToAsync(console, ct));
    }
}
