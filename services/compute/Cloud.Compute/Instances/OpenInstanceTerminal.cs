using System.Net.WebSockets;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>
/// <c>GET /v1/instances/{id}/console/ws</c>: the guest's serial console as a terminal, bytes both ways in binary messages.
/// </summary>
internal static class OpenInstanceTerminal
{
    public static async Task HandleAsync(
        string id, Caller caller, HttpContext context, ComputeDbContext db, HostDirectory hosts, CancellationToken ct)
    {
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        if (!context.WebSockets.IsWebSocketRequest)
        {
            throw CloudException.Invalid("upgrade", "This is a WebSocket: connect with one.");
        }

        await using var console = await hosts.AgentOf(instance.HostName).OpenConsoleAsync(id, ct);
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        await using var terminal = WebSocketStream.Create(socket, WebSocketMessageType.Binary, ownsWebSocket: false);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var fromGuest = console.CopyToAsync(terminal, either.Token);
        var toGuest = terminal.CopyToAsync(console, either.Token);
        await Task.WhenAny(fromGuest, toGuest);
        if (fromGuest.IsCompleted)
        {
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "The guest has ended.", ct);
        }

        await either.CancelAsync();
    }
}
