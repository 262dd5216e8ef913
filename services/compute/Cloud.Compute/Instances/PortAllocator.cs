using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>
/// Chooses host ports for published ports: none that another instance holds, and none that another program listens on now.
/// </summary>
internal sealed class PortAllocator
{
    private const int First = 40000;
    private const int Last = 49999;

    // Clouds beside each other on a machine, which know nothing of each other's ports, do not meet.
    private int _next = RandomNumberGenerator.GetInt32(First, Last + 1);

    public async Task<IReadOnlyList<InstancePort>> ChooseAsync(ComputeDbContext db, IReadOnlyList<int> guestPorts, CancellationToken ct)
    {
        if (guestPorts.Count == 0)
        {
            return [];
        }

        var taken = (await db.Instances.Existing().Select(instance => instance.Ports).ToListAsync(ct))
            .SelectMany(ports => ports).Select(port => port.Port).ToHashSet();
        var chosen = new List<InstancePort>();
        for (var tries = 0; tries <= Last - First && chosen.Count < guestPorts.Count; tries++)
        {
            var port = _next;
            _next = port == Last ? First : port + 1;
            if (!taken.Contains(port) && IsFree(port))
            {
                chosen.Add(new InstancePort(guestPorts[chosen.Count], "127.0.0.1", port));
            }
        }

        return chosen.Count == guestPorts.Count
            ? chosen
            : throw CloudException.Conflict("no-port", $"No port from {First} to {Last} is free.");
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException taken) when (taken.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            return false;
        }
    }
}
