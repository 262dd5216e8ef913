using System.Net.Sockets;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>
/// A process of the cloud that listens on a Unix socket: one in another network namespace has no address but that. Said as
/// <c>unix:///path</c>.
/// </summary>
public static class UnixAddress
{
    private const string Scheme = "unix";

    /// <summary>As Kestrel says and takes it.</summary>
    private const string ListenerPrefix = "http://unix:";

    /// <summary>The address of a listener, as it is said to others.</summary>
    /// <param name="listener">One of <c>IServerAddressesFeature</c>, or of a setting.</param>
    public static Uri OfListener(string listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        return listener.StartsWith(ListenerPrefix, StringComparison.Ordinal)
            ? new Uri($"{Scheme}://{listener[ListenerPrefix.Length..]}")
            : new Uri(listener);
    }

    public static bool Is(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.Scheme == Scheme;
    }

    /// <summary>Connects to the socket whatever the host in a request's address.</summary>
    public static SocketsHttpHandler HandlerTo(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        var path = address.LocalPath;
        return new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, ct) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
    }

    /// <summary>What a client's requests are relative to.</summary>
    public static Uri BaseOf(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return Is(address) ? new Uri("http://localhost/") : address;
    }
}
