using System.Collections.Concurrent;
using System.Net.Sockets;
using Cloud.Switch.Client;
using Cloud.Switch.Nat;
using Cloud.Switch.Native;

namespace Cloud.Switch.Metadata;

/// <summary>
/// A Unix socket for each port, where libslirp ends the guest's connections to 169.254.169.254: so a guest is known by the socket, and
/// gets only its own.
/// </summary>
internal sealed class MetadataServer(SwitchFolder folder, TimeProvider time) : IDisposable
{
    private const uint SocketMode = 0x180;

    /// <summary>libslirp connects while the loop waits: there is room for all that a guest can have open.</summary>
    private const int Backlog = Uplink.SocketsMax;

    private readonly ConcurrentDictionary<string, Endpoint> _endpoints = new(StringComparer.Ordinal);

    /// <summary>Begins to answer the port's guest; the path of the socket.</summary>
    public string Open(SwitchPort port)
    {
        var path = Path.Combine(folder.Metadata, port.Id + ".sock");
        File.Delete(path);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            Libc.Require(Libc.ChangeMode((int)listener.Handle, SocketMode), "fchmod");
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen(Backlog);
        }
        catch (SocketException taken)
        {
            listener.Dispose();
            throw new IOException($"The metadata socket of {port.Id} could not be opened.", taken);
        }

        var endpoint = new Endpoint(listener, path) { Port = port };
        _endpoints[port.Id] = endpoint;
        _ = AcceptAsync(endpoint);
        return path;
    }

    /// <summary>From here on the guest gets this.</summary>
    public void Change(SwitchPort port) => _endpoints[port.Id].Port = port;

    public void Close(string id)
    {
        if (_endpoints.TryRemove(id, out var endpoint))
        {
            endpoint.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var endpoint in _endpoints.Values)
        {
            endpoint.Dispose();
        }
    }

    private async Task AcceptAsync(Endpoint endpoint)
    {
        while (true)
        {
            Socket socket;
            try
            {
                await endpoint.Room.WaitAsync();
                socket = await endpoint.Listener.AcceptAsync();
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = ServeAsync(endpoint, socket);
        }
    }

    private async Task ServeAsync(Endpoint endpoint, Socket socket)
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            await MetadataConnection.ServeAsync(stream, () => endpoint.Port, time);
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The guest closed, or took too long.
        }
        finally
        {
            endpoint.Room.Release();
        }
    }

    private sealed class Endpoint(Socket listener, string path) : IDisposable
    {
        /// <summary>One guest's connections at a time; more wait.</summary>
        private const int ConnectionsMax = 16;

        public Socket Listener { get; } = listener;

        public SemaphoreSlim Room { get; } = new(ConnectionsMax, ConnectionsMax);

        public required volatile SwitchPort Port;

        public void Dispose()
        {
            Listener.Dispose();
            File.Delete(path);
        }
    }
}
