using System.Net;
using System.Net.Sockets;
using System.Text;
using Cloud.Switch.Client;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>The cloud's own servers on the host's loopback: a project's guests reach theirs, and nothing else of the host.</summary>
public sealed class ServiceTests(SwitchUnderTest under) : IClassFixture<SwitchUnderTest>
{
    private static readonly IPAddress Address = IPAddress.Parse("10.80.15.7");

    [Fact]
    public async Task Service_ByItsAddressAndPort_IsReached()
    {
        using var greeter = Greeter.OnHost(IPAddress.Loopback, "from the server");
        var guest = await under.BootWithAddressAsync(under.NewPort("served", 1));

        await ServeAsync(NewService("served", greeter.Port));

        (await guest.ReadAllAsync(Address, 5432)).ShouldBe("from the server");
    }

    [Fact]
    public async Task Service_ByAnotherPort_IsNotReached()
    {
        using var greeter = Greeter.OnHost(IPAddress.Loopback, "from the server");
        using var secret = Greeter.OnHost(IPAddress.Loopback, "secret");
        var guest = await under.BootWithAddressAsync(under.NewPort("narrow", 1));

        await ServeAsync(NewService("narrow", greeter.Port));

        (await guest.TryConnectAsync(Address, greeter.Port)).ShouldBe(SocketError.HostUnreachable);
        (await guest.TryConnectAsync(Address, secret.Port)).ShouldBe(SocketError.HostUnreachable);
        (await guest.TryConnectAsync(IPAddress.Parse("10.80.15.8"), 5432)).ShouldBe(SocketError.HostUnreachable);
        (await guest.ReadAllAsync(Address, 5432)).ShouldBe("from the server");
        (greeter.Connections, secret.Connections).ShouldBe((1, 0));
    }

    [Fact]
    public async Task Service_OfAnotherProject_IsNotReached()
    {
        using var greeter = Greeter.OnHost(IPAddress.Loopback, "secret");
        var own = await under.BootWithAddressAsync(under.NewPort("owner", 1));
        var stranger = await under.BootWithAddressAsync(under.NewPort("stranger", 2));

        await ServeAsync(NewService("owner", greeter.Port));

        (await stranger.TryConnectAsync(Address, 5432)).ShouldBe(SocketError.HostUnreachable);
        greeter.Connections.ShouldBe(0);
        (await own.ReadAllAsync(Address, 5432)).ShouldBe("secret");
    }

    [Fact]
    public async Task Services_OfTwoProjectsAtOneAddress_AreEachOnesOwn()
    {
        using var first = Greeter.OnHost(IPAddress.Loopback, "first");
        using var second = Greeter.OnHost(IPAddress.Loopback, "second");
        var one = await under.BootWithAddressAsync(under.NewPort("one", 1));
        var two = await under.BootWithAddressAsync(under.NewPort("two", 2));

        await ServeAsync(NewService("one", first.Port), NewService("two", second.Port));

        (await one.ReadAllAsync(Address, 5432)).ShouldBe("first");
        (await two.ReadAllAsync(Address, 5432)).ShouldBe("second");
    }

    [Fact]
    public async Task Service_ThatIsNoMore_IsNotReachedAndItsConnectionsEnd()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var guest = await under.BootWithAddressAsync(under.NewPort("ended", 1));
        await ServeAsync(NewService("ended", ((IPEndPoint)listener.LocalEndpoint).Port));
        using var client = await guest.SocketAsync(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(Address, 5432);
        using var accepted = await listener.AcceptSocketAsync();

        await ServeAsync();

        await EndsAsync(accepted);
        await EndsAsync(client);
        (await guest.TryConnectAsync(Address, 5432)).ShouldBe(SocketError.HostUnreachable);
    }

    [Fact]
    public async Task Service_AtAnotherPortOrIdNow_IsReachedThere()
    {
        using var before = Greeter.OnHost(IPAddress.Loopback, "before");
        using var after = Greeter.OnHost(IPAddress.Loopback, "after");
        using var next = Greeter.OnHost(IPAddress.Loopback, "next");
        var guest = await under.BootWithAddressAsync(under.NewPort("moves", 1));
        var service = NewService("moves", before.Port);
        await ServeAsync(service);
        (await guest.ReadAllAsync(Address, 5432)).ShouldBe("before");

        await ServeAsync(service with { HostPort = after.Port });
        (await guest.ReadAllAsync(Address, 5432)).ShouldBe("after");

        await ServeAsync(service with { Id = "db-next", HostPort = next.Port, Port = 6379 });
        (await guest.ReadAllAsync(Address, 6379)).ShouldBe("next");
    }

    [Fact]
    public async Task Service_AfterTheSwitchWasKilled_IsReachedAgain()
    {
        using var greeter = Greeter.OnHost(IPAddress.Loopback, "from the server");
        var guest = await under.BootWithAddressAsync(under.NewPort("kept", 1));
        await ServeAsync(NewService("kept", greeter.Port));
        (await guest.ReadAllAsync(Address, 5432)).ShouldBe("from the server");

        await under.KillAsync();
        await under.StartAsync();

        (await guest.ReadAllAsync(Address, 5432)).ShouldBe("from the server");
    }

    [Fact]
    public async Task Service_ThatDoesNotRun_EndsConnectionsAtOnce()
    {
        var guest = await under.BootWithAddressAsync(under.NewPort("away", 1));

        await ServeAsync(NewService("away", SwitchUnderTest.FreePort()));

        (await guest.ReadAllAsync(Address, 5432)).ShouldBe("");
    }

    [Fact]
    public async Task Service_WithManyConnectionsAndBytes_LosesNone()
    {
        const int Connections = 200;
        var text = new string('x', 100_000) + "end";
        using var greeter = Greeter.OnHost(IPAddress.Loopback, text);
        var guest = await under.BootWithAddressAsync(under.NewPort("many", 1));
        await ServeAsync(NewService("many", greeter.Port));

        var read = await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => guest.ReadAllAsync(Address, 5432)));

        read.ShouldAllBe(one => one == text);
        greeter.Connections.ShouldBe(Connections);
    }

    [Fact]
    public async Task Name_OfAService_IsResolvedInItsProjectAlone()
    {
        await ServeAsync(NewService("named", 1));
        var guest = await under.BootWithAddressAsync(under.NewPort("named", 1));
        var stranger = await under.BootWithAddressAsync(under.NewPort("unnamed", 2));

        (await ResolveAsync(guest, "orders")).ShouldBe(Address);
        (await ResolveAsync(stranger, "orders")).ShouldBeNull();
    }

    [Fact]
    public async Task Service_WithAnAddressThatIsNone_IsRefusedAndTheOthersStay()
    {
        using var greeter = Greeter.OnHost(IPAddress.Loopback, "from the server");
        var guest = await under.BootWithAddressAsync(under.NewPort("stays", 1));
        await ServeAsync(NewService("stays", greeter.Port));

        foreach (var address in new[] { "10.80.0.20", "10.80.15.255", "127.0.0.1", "none" })
        {
            var refused = await Should.ThrowAsync<SwitchException>(
                () => ServeAsync(NewService("stays", greeter.Port) with { Address = address }));
            refused.Code.ShouldBe("invalid-service");
        }

        (await guest.ReadAllAsync(Address, 5432)).ShouldBe("from the server");
    }

    /// <summary>The other side says that it is over, in one way or the other.</summary>
    private static async Task EndsAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            (await socket.ReceiveAsync(new byte[1], limit.Token)).ShouldBe(0);
        }
        catch (SocketException reset)
        {
            reset.SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
        }
    }

    private static SwitchService NewService(string project, int hostPort) => new()
    {
        Id = "db-" + project,
        Project = project,
        Names = ["orders"],
        Address = Address.ToString(),
        Port = 5432,
        HostPort = hostPort,
    };

    private Task ServeAsync(params SwitchService[] services) => under.Client.ServeAsync(services, CancellationToken.None);

    /// <summary>Asks the network's name server for <c>NAME.db</c>; null where it says that there is no such name.</summary>
    private static async Task<IPAddress?> ResolveAsync(NamespaceGuest guest, string name)
    {
        byte[] query =
        [
            1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), 2, (byte)'d', (byte)'b', 0, 0, 1, 0, 1,
        ];
        using var socket = await guest.SocketAsync(SocketType.Dgram, ProtocolType.Udp);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await socket.ConnectAsync(IPAddress.Parse(SwitchNetwork.NameServer), 53, limit.Token);
        await socket.SendAsync(query, limit.Token);
        var answer = new byte[512];
        var length = await socket.ReceiveAsync(answer, limit.Token);
        return (answer[3] & 0x0f) == 0 ? new IPAddress(answer.AsSpan(length - 4, 4)) : null;
    }
}
