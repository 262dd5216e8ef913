using System.Net;
using System.Net.Sockets;
using System.Text;
using Cloud.Switch.Client;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>
/// A guest with the kernel's network stack: a network namespace whose <c>eth0</c> is a tap.
/// </summary>
internal sealed class NamespaceGuest : IAsyncDisposable
{
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(20);
    private static int taps;

    private readonly SwitchPort _port;
    private readonly Tap _tap;

    private NamespaceGuest(SwitchPort port, NetworkNamespace space, Tap tap)
    {
        _port = port;
        _tap = tap;
        Space = space;
    }

    public NetworkNamespace Space { get; }

    public static async Task<NamespaceGuest> CreateAsync(SwitchUnderTest under, SwitchPort port)
    {
        var name = $"swg{under.Tag}{Interlocked.Increment(ref taps)}";
        var space = await NetworkNamespace.CreateAsync(name);
        var tap = new Tap(name, new GuestWire(under.SwitchFolder, port));
        await Shell.RunAsync("ip", "link", "set", name, "netns", space.Name, "name", "eth0", "address", port.MacAddress);
        await space.IpAsync("link", "set", "eth0", "up");
        return new NamespaceGuest(port, space, tap);
    }

    /// <summary>Goes on at a port of another switch, as a machine does that was moved there.</summary>
    public void MoveTo(SwitchUnderTest under, SwitchPort port) => _tap.Replug(new GuestWire(under.SwitchFolder, port));

    public async Task SetAddressAsync()
    {
        await Space.IpAsync("addr", "add", _port.Address + "/20", "dev", "eth0");
        await Space.IpAsync("route", "add", "default", "via", "10.80.0.2");
    }

    public Task<Socket> SocketAsync(SocketType type, ProtocolType protocol) =>
        Space.InAsync(() => new Socket(AddressFamily.InterNetwork, type, protocol));

    /// <summary>Connects and reads to the end.</summary>
    /// <exception cref="SocketException">There was no connection.</exception>
    public async Task<string> ReadAllAsync(IPAddress address, int port)
    {
        using var limit = new CancellationTokenSource(ConnectLimit);
        using var socket = await SocketAsync(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(address, port, limit.Token);
        using var reader = new StreamReader(new NetworkStream(socket), Encoding.UTF8);
        return await reader.ReadToEndAsync(limit.Token);
    }

    /// <summary>The error that a connection ends in; null where it came about.</summary>
    public async Task<SocketError?> TryConnectAsync(IPAddress address, int port)
    {
        using var limit = new CancellationTokenSource(ConnectLimit);
        using var socket = await SocketAsync(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(address, port, limit.Token);
            return null;
        }
        catch (SocketException refused)
        {
            return refused.SocketErrorCode;
        }
        catch (OperationCanceledException)
        {
            return SocketError.TimedOut;
        }
    }

    /// <summary>A client whose connections begin in the guest.</summary>
    public HttpClient Http() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, ct) =>
        {
            var socket = await SocketAsync(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Parse(context.DnsEndPoint.Host), context.DnsEndPoint.Port, ct);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });

    /// <summary>Listens in the guest on this port.</summary>
    public async Task<Greeter> GreetAsync(int port, string text) =>
        new(await SocketAsync(SocketType.Stream, ProtocolType.Tcp), new IPEndPoint(IPAddress.Any, port), text);

    public async ValueTask DisposeAsync()
    {
        _tap.Dispose();
        await Space.DisposeAsync();
    }
}
