using System.Net;
using System.Net.Sockets;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>
/// A machine beside the host, on a link of 198.18.0.0/15 (RFC 2544: for tests). The host's end of the link has an address of its own.
/// </summary>
internal sealed class OutsideMachine : IAsyncDisposable
{
    private readonly NetworkNamespace _space;

    private OutsideMachine(NetworkNamespace space, string link, IPAddress address, IPAddress host)
    {
        _space = space;
        HostLink = link;
        Address = address;
        HostAddress = host;
    }

    public IPAddress Address { get; }

    /// <summary>The host's own address on the link.</summary>
    public IPAddress HostAddress { get; }

    public string HostLink { get; }

    public static async Task<OutsideMachine> CreateAsync(string tag, int number)
    {
        var link = "swo" + tag;
        var space = await NetworkNamespace.CreateAsync("swo" + tag);
        // By process and number, so that two runs beside each other do not meet.
        var third = (Environment.ProcessId + (number * 37)) % 250;
        var (host, outside) = ($"198.18.{third}.1", $"198.18.{third}.2");
        await Shell.RunAsync("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space.Name);
        await Shell.RunAsync("ip", "addr", "add", host + "/24", "dev", link);
        await Shell.RunAsync("ip", "link", "set", link, "up");
        await space.IpAsync("addr", "add", outside + "/24", "dev", "eth0");
        await space.IpAsync("link", "set", "eth0", "up");
        return new OutsideMachine(space, link, IPAddress.Parse(outside), IPAddress.Parse(host));
    }

    public Task<Socket> SocketAsync(SocketType type, ProtocolType protocol) =>
        _space.InAsync(() => new Socket(AddressFamily.InterNetwork, type, protocol));

    /// <summary>Listens on a port of its own and answers each connection with this text.</summary>
    public async Task<Greeter> GreetAsync(string text) =>
        new(await SocketAsync(SocketType.Stream, ProtocolType.Tcp), new IPEndPoint(Address, 0), text);

    public async ValueTask DisposeAsync()
    {
        // The pair goes with the namespace, whose end takes a moment; the host's end is gone at once this way.
        await Shell.RunAsync("ip", "link", "delete", HostLink);
        await _space.DisposeAsync();
    }
}
