using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Cloud.Switch.Native;

namespace Cloud.Switch.Relays;

/// <summary>
/// A Unix socket where libslirp ends guests' connections to one server of the cloud, and from there on to that server's port of loopback
/// and to no other. libslirp connects while the loop waits: connections are taken at once, and refused by closing them.
/// </summary>
internal sealed class ServiceRelay : IDisposable
{
    /// <summary>More than any server of the cloud takes.</summary>
    private const int ConnectionsMax = 2048;

    private const int Backlog = 4096;
    private const int BufferLength = 32 << 10;
    private const uint SocketMode = 0x180;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<Socket, bool> _open = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _path;
    private volatile bool _disposed;

    /// <summary>Where the server listens on loopback; connections that there are already stay where they are.</summary>
    public volatile int HostPort;

    /// <exception cref="IOException">The socket could not be opened.</exception>
    public ServiceRelay(string path, int hostPort)
    {
        (_path, HostPort) = (path, hostPort);
        File.Delete(path);
        try
        {
            Libc.Require(Libc.ChangeMode((int)_listener.Handle, SocketMode), "fchmod");
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen(Backlog);
        }
        catch (SocketException taken)
        {
            _listener.Dispose();
            throw new IOException($"The socket {path} could not be opened.", taken);
        }

        _ = Task.Run(AcceptAsync);
    }

    public void Dispose()
    {
        _disposed = true;
        _listener.Dispose();
        File.Delete(_path);
        foreach (var socket in _open.Keys)
        {
            socket.Dispose();
        }
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket guest;
            try
            {
                guest = await _listener.AcceptAsync();
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                if (_disposed)
                {
                    return;
                }

                // The process has no descriptor left for now.
                await Task.Delay(Pause);
                continue;
            }

            _ = ServeAsync(guest);
        }
    }

    private async Task ServeAsync(Socket guest)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            _open[guest] = true;
            _open[server] = true;
            if (_disposed || _open.Count > 2 * ConnectionsMax)
            {
                return;
            }

            await server.ConnectAsync(new IPEndPoint(IPAddress.Loopback, HostPort));
            await Task.WhenAll(CopyAsync(guest, server), CopyAsync(server, guest));
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // The server does not run, or one of the two has gone.
        }
        finally
        {
            guest.Dispose();
            _open.TryRemove(guest, out _);
            _open.TryRemove(server, out _);
        }
    }

    /// <summary>To the end of what one says; the other is told of the end. Where it breaks, both are closed.</summary>
    private static async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferLength);
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var length)
            {
                for (var sent = 0; sent < length;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, length - sent));
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception broken) when (broken is SocketException or ObjectDisposedException)
        {
            from.Dispose();
            to.Dispose();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
