using System.Net;
using System.Net.Sockets;
using System.Text;
using Cloud.Switch.Frames;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>Where a guest gets to, and where it never does.</summary>
public sealed class ReachTests(SwitchUnderTest under) : IClassFixture<SwitchUnderTest>
{
    [Fact]
    public async Task Outside_ByTcp_IsReached()
    {
        using var greeter = await under.Outside.GreetAsync("from outside");
        var guest = await under.BootWithAddressAsync(under.NewPort("tcp", 1));

        (await guest.ReadAllAsync(under.Outside.Address, greeter.Port)).ShouldBe("from outside");
    }

    [Fact]
    public async Task Outside_ByUdp_IsReachedAndAnswers()
    {
        using var server = await under.Outside.SocketAsync(SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(under.Outside.Address, 0));
        var guest = await under.BootWithAddressAsync(under.NewPort("udp", 1));
        using var client = await guest.SocketAsync(SocketType.Dgram, ProtocolType.Udp);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));

        await client.SendToAsync("ask"u8.ToArray(), server.LocalEndPoint!, limit.Token);
        var buffer = new byte[100];
        var asked = await server.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), limit.Token);
        Encoding.UTF8.GetString(buffer, 0, asked.ReceivedBytes).ShouldBe("ask");
        await server.SendToAsync("answer"u8.ToArray(), asked.RemoteEndPoint, limit.Token);
        var length = await client.ReceiveAsync(buffer, limit.Token);

        Encoding.UTF8.GetString(buffer, 0, length).ShouldBe("answer");
        // What the outside sees is the host.
        ((IPEndPoint)asked.RemoteEndPoint).Address.ShouldBe(under.Outside.HostAddress);
    }

    [Fact]
    public async Task Outside_WithManyBytes_ArrivesWhole()
    {
        var text = new string('x', 3_000_000) + "end";
        using var greeter = await under.Outside.GreetAsync(text);
        var guest = await under.BootWithAddressAsync(under.NewPort("bulk", 1));

        (await guest.ReadAllAsync(under.Outside.Address, greeter.Port)).ShouldBe(text);
    }

    [Fact]
    public async Task Sibling_ByTcp_IsReached()
    {
        var guest = await under.BootWithAddressAsync(under.NewPort("pair", 1));
        var sibling = await under.BootWithAddressAsync(under.NewPort("pair", 2));
        using var greeter = await sibling.GreetAsync(7000, "from sibling");

        (await guest.ReadAllAsync(IPAddress.Parse("10.80.0.18"), 7000)).ShouldBe("from sibling");
    }

    [Fact]
    public async Task OtherProjectsGuest_WithTheSameNetwork_IsNotReached()
    {
        var guest = await under.BootWithAddressAsync(under.NewPort("mine", 1));
        var other = await under.BootWithAddressAsync(under.NewPort("theirs", 2));
        using var greeter = await other.GreetAsync(7000, "secret");

        (await guest.TryConnectAsync(IPAddress.Parse("10.80.0.18"), 7000)).ShouldBe(SocketError.HostUnreachable);
        greeter.Connections.ShouldBe(0);
    }

    [Fact]
    public async Task Loopback_OfTheHostByTheRouter_IsNotReached()
    {
        using var greeter = Greeter.OnHost(IPAddress.Loopback, "secret");
        var guest = await under.BootWithAddressAsync(under.NewPort("router", 1));

        (await guest.TryConnectAsync(IPAddress.Parse("10.80.0.2"), greeter.Port)).ShouldBe(SocketError.HostUnreachable);
        (await guest.TryConnectAsync(IPAddress.Parse("10.80.0.3"), greeter.Port)).ShouldBe(SocketError.HostUnreachable);
        (await guest.TryConnectAsync(IPAddress.Parse("10.80.0.4"), 80)).ShouldBe(SocketError.HostUnreachable);
        greeter.Connections.ShouldBe(0);
    }

    [Fact]
    public async Task Loopback_OfTheHostByItsAddress_IsNotReached()
    {
        using var greeter = Greeter.OnHost(IPAddress.Loopback, "secret");
        var guest = await under.BootWithAddressAsync(under.NewPort("loop", 1));
        // A guest is free to send it there: its own loopback gives way to the router.
        await guest.Space.IpAsync("addr", "del", "127.0.0.1/8", "dev", "lo");
        await guest.Space.RunAsync("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet");
        await guest.Space.IpAsync("route", "add", "127.0.0.0/8", "via", "10.80.0.2", "src", "10.80.0.17");

        (await guest.TryConnectAsync(IPAddress.Loopback, greeter.Port)).ShouldNotBeNull();
        greeter.Connections.ShouldBe(0);
    }

    [Fact]
    public async Task HostsOwnAddress_OnAnyLink_IsNotReached()
    {
        using var greeter = Greeter.OnHost(IPAddress.Any, "secret");
        var guest = await under.BootWithAddressAsync(under.NewPort("own", 1));

        (await guest.TryConnectAsync(under.Outside.HostAddress, greeter.Port)).ShouldBe(SocketError.HostUnreachable);
        greeter.Connections.ShouldBe(0);
    }

    [Fact]
    public async Task HostsOwnAddress_AddedWhileAGuestUsedIt_IsNotReachedFromThenOn()
    {
        // An address that was the outside's a moment ago.
        var address = IPAddress.Parse(under.Outside.Address.ToString()[..^1] + "77");
        using var greeter = Greeter.OnHost(IPAddress.Any, "secret");
        var guest = await under.BootWithAddressAsync(under.NewPort("moved", 1));
        (await guest.TryConnectAsync(address, greeter.Port)).ShouldNotBeNull();

        await Shell.RunAsync("ip", "addr", "add", address + "/32", "dev", under.Outside.HostLink);

        (await guest.TryConnectAsync(address, greeter.Port)).ShouldBe(SocketError.HostUnreachable);
        greeter.Connections.ShouldBe(0);
    }

    [Theory]
    [InlineData("169.254.1.1")]
    [InlineData("224.0.0.251")]
    [InlineData("255.255.255.254")]
    [InlineData("0.0.0.1")]
    [InlineData("10.80.0.200")]
    public async Task SpecialAddress_Never_LeavesTheSwitch(string address)
    {
        var port = under.NewPort("special-" + address.Replace('.', '-'), 1);
        var target = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(address).GetAddressBytes());
        using var guest = await under.PlugAsync(port);

        guest.Wire.Send(RawGuest.Udp(new(guest.Mac, guest.Address, 5000), new(NetworkPlan.RouterMac, target, 5000), "out"));

        guest.ReceiveAll().Single()[Ethernet.HeaderLength + 9].ShouldBe(Ipv4.Icmp);
        var statistics = await under.ReadStatisticsAsync(port);
        statistics.RefusedPackets.ShouldBe(1);
        statistics.OpenSockets.ShouldBe(0);
    }
}
