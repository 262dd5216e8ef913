using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Cloud.Compute.Contracts;
using Cloud.Compute.Persistence;
using Cloud.Identity.Contracts;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>
/// Chooses host ports for published ports and listeners: none that another instance holds, and none that another program listens on now.
/// </summary>
internal sealed class PortAllocator
{
    private const string Address = "127.0.0.1";
    private const int First = 40000;
    private const int Last = 49999;

    // Clouds beside each other on a machine, which know nothing of each other's ports, do not meet.
    private int _next = RandomNumberGenerator.GetInt32(First, Last + 1);

    public async Task<IReadOnlyList<InstancePort>> ChooseAsync(ComputeDbContext db, IReadOnlyList<int> guestPorts, CancellationToken ct) =>
        guestPorts.Count == 0
            ? []
            : Choose(guestPorts.Count, await ReadTakenAsync(db, ct)).Zip(
                guestPorts, (port, guest) => new InstancePort(guest, Address, port)).ToList();

    /// <summary>The same for listeners; those that name a port have that one.</summary>
    /// <exception cref="CloudException">A port that is named is taken.</exception>
    public async Task<IReadOnlyList<InstanceListener>> ChooseAsync(
        ComputeDbContext db, IReadOnlyList<NewListener> listeners, CancellationToken ct)
    {
        if (listeners.Count == 0)
        {
            return [];
        }

        var taken = await ReadTakenAsync(db, ct);
        foreach (var port in listeners.Select(listener => listener.Port).OfType<int>())
        {
            if (!taken.Add(port) || !IsFree(port))
            {
                throw CloudException.Conflict("port-taken", $"Port {port} is taken on this machine.");
            }
        }

        var chosen = new Queue<int>(Choose(listeners.Count(listener => listener.Port is null), taken));
        return listeners.Select(listener => new InstanceListener(listener.Name, Address, listener.Port ?? chosen.Dequeue())).ToList();
    }

    private List<int> Choose(int count, HashSet<int> taken)
    {
        var chosen = new List<int>();
        for (var tries = 0; tries <= Last - First && chosen.Count < count; tries++)
        {
            var port = _next;
            _next = port == Last ? First : port + 1;
            if (!taken.Contains(port) && IsFree(port))
            {
                chosen.Add(port);
            }
        }

        return chosen.Count == count
            ? chosen
            : throw CloudException.Conflict("no-port", $"No port from {First} to {Last} is free.");
    }

    private static async Task<HashSet<int>> ReadTakenAsync(ComputeDbContext db, CancellationToken ct)
    {
        var published = await db.Instances.Existing().Select(instance => instance.Ports).ToListAsync(ct);
        var ofServices = await db.Instances.Existing().Where(instance => instance.Project == CloudProject.Id)
            .Select(instance => instance.Container).ToListAsync(ct);
        return published.SelectMany(ports => ports).Select(port => port.Port)
            .Concat(ofServices.SelectMany(container => container?.Listeners ?? []).Select(listener => listener.Port)).ToHashSet();
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
