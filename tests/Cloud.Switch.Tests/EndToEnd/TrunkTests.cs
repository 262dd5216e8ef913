using System.Net;
using System.Net.Sockets;
using System.Text;
using Cloud.Switch.Client;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>The switches of two hosts: one network per project over both, and guests that go from one to the other.</summary>
public sealed class TrunkTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly SwitchUnderTest _one = new();
    private readonly SwitchUnderTest _two = new();

    public async ValueTask InitializeAsync()
    {
        await _one.InitializeAsync();
        await _two.InitializeAsync();
        await LinkAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    [Fact]
    public async Task GuestsOfOneProject_OnTwoHosts_ReachEachOther_OfTwoProjectsNever()
    {
        var here = await _one.BootWithAddressAsync(_one.NewPort("both", 1));
        var there = await _two.BootWithAddressAsync(_two.NewPort("both", 2));
        var stranger = await _two.BootWithAddressAsync(_two.NewPort("others", 3));
        using var greeter = await there.GreetAsync(7000, new string('x', 300_000));
        using var greeterHere = await here.GreetAsync(7000, "from the first host");
        using var secret = await stranger.GreetAsync(7000, "secret");

        (await EventuallyAsync(() => here.ReadAllAsync(IPAddress.Parse("10.80.0.18"), 7000))).Length.ShouldBe(300_000);
        (await there.ReadAllAsync(IPAddress.Parse("10.80.0.17"), 7000)).ShouldBe("from the first host");
        (await ResolveAsync(here, "guest2")).ShouldBe(IPAddress.Parse("10.80.0.18"));
        (await here.TryConnectAsync(IPAddress.Parse("10.80.0.19"), 7000)).ShouldBe(SocketError.HostUnreachable);
        secret.Connections.ShouldBe(0);

        // Without the other host's switch its guests are not there, and with it again they are.
        await _two.KillAsync();
        await _two.StartAsync();
        await LinkAsync();
        (await EventuallyAsync(() => here.ReadAllAsync(IPAddress.Parse("10.80.0.18"), 7000))).Length.ShouldBe(300_000);
    }

    [Fact]
    public async Task GuestThatMoves_AndComesBack_KeepsItsConnections_AndItsPublishedPort()
    {
        var host = SwitchUnderTest.FreePort();
        var first = _one.NewPort("moves", 1, new PublishedPort(7000, host));
        var second = first with { GuestSocket = _two.SwitchFolder.GuestSocket(first.Id), Presence = PortPresence.Arriving };
        var sibling = await _one.BootWithAddressAsync(_one.NewPort("moves", 2));
        using var outside = await _one.Outside.GreetAsync("from outside");
        var guest = await _one.BootWithAddressAsync(first);
        using var listener = await guest.SocketAsync(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Any, 7000));
        listener.Listen();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, host);
        using var server = await listener.AcceptAsync().WaitAsync(Limit);
        await ExchangeAsync(client.Client, server, "one");

        for (var round = 0; round < 2; round++)
        {
            await _two.Client.JoinAsync(second, CancellationToken.None);
            await ExchangeAsync(client.Client, server, "while it is awaited");
            await _one.Client.JoinAsync(first with { Presence = PortPresence.Away }, CancellationToken.None);
            guest.MoveTo(_two, second);
            await _two.Client.JoinAsync(second with { Presence = PortPresence.Arrived }, CancellationToken.None);
            (await _one.Client.ListAsync(CancellationToken.None)).ShouldNotContain(first.Id);
            await ExchangeAsync(client.Client, server, "over there");
            await ExchangeAsync(server, client.Client, "and back");
            await NewConnectionAsync(host, listener);
            (await guest.ReadAllAsync(_one.Outside.Address, outside.Port)).ShouldBe("from outside");
            using (var greeter = await sibling.GreetAsync(7001, "from the sibling"))
            {
                (await guest.ReadAllAsync(IPAddress.Parse("10.80.0.18"), 7001)).ShouldBe("from the sibling");
            }

            await _one.Client.JoinAsync(first with { Presence = PortPresence.Arriving }, CancellationToken.None);
            await ExchangeAsync(client.Client, server, "while it comes back");
            await _two.Client.JoinAsync(second with { Presence = PortPresence.Away }, CancellationToken.None);
            guest.MoveTo(_one, first);
            await _one.Client.JoinAsync(first with { Presence = PortPresence.Arrived }, CancellationToken.None);
            await ExchangeAsync(client.Client, server, "at home");
            await NewConnectionAsync(host, listener);
        }
    }

    [Fact]
    public async Task HostThatIsStopped_LeavesThePublishedPort_ToTheOneThatHasTheGuest()
    {
        var host = SwitchUnderTest.FreePort();
        var first = _one.NewPort("stays", 1, new PublishedPort(7000, host));
        var second = first with { GuestSocket = _two.SwitchFolder.GuestSocket(first.Id), Presence = PortPresence.Arriving };
        var guest = await _one.BootWithAddressAsync(first);
        using var greeter = await guest.GreetAsync(7000, "from guest");
        await _two.Client.JoinAsync(second, CancellationToken.None);
        await _one.Client.JoinAsync(first with { Presence = PortPresence.Away }, CancellationToken.None);
        guest.MoveTo(_two, second);
        await _two.Client.JoinAsync(second with { Presence = PortPresence.Arrived }, CancellationToken.None);
        (await PublishedPortTests.ReadAllAsync(host)).ShouldBe("from guest");

        await _one.Client.QuitAsync(CancellationToken.None);
        (await EventuallyAsync(() => PublishedPortTests.ReadAllAsync(host))).ShouldBe("from guest");
    }

    [Fact]
    public async Task GuestThatDoesNotCome_OrGoesFromEverywhere_LeavesNoPort()
    {
        var host = SwitchUnderTest.FreePort();
        var first = _one.NewPort("gone", 1, new PublishedPort(7000, host));
        var second = first with { GuestSocket = _two.SwitchFolder.GuestSocket(first.Id), Presence = PortPresence.Arriving };
        var guest = await _one.BootWithAddressAsync(first);
        using var greeter = await guest.GreetAsync(7000, "from guest");
        await _two.Client.JoinAsync(second, CancellationToken.None);
        await _two.Client.JoinAsync(second with { Presence = PortPresence.Away }, CancellationToken.None);
        (await _two.Client.ListAsync(CancellationToken.None)).ShouldBeEmpty();
        Directory.EnumerateFiles(_two.SwitchFolder.State).ShouldBeEmpty();
        (await PublishedPortTests.ReadAllAsync(host)).ShouldBe("from guest");
    }

    [Fact]
    public async Task AddressOfAGuestThatWentAway_IsAnothersAtOnce()
    {
        var first = _one.NewPort("passed", 1);
        var second = first with { GuestSocket = _two.SwitchFolder.GuestSocket(first.Id), Presence = PortPresence.Arriving };
        var guest = await _one.BootWithAddressAsync(first);
        await _two.Client.JoinAsync(second, CancellationToken.None);
        await _one.Client.JoinAsync(first with { Presence = PortPresence.Away }, CancellationToken.None);
        guest.MoveTo(_two, second);
        await _two.Client.JoinAsync(second with { Presence = PortPresence.Arrived }, CancellationToken.None);
        await _two.Client.LeaveAsync(second.Id, CancellationToken.None);
        var next = first with { Id = $"{first.Id}-next", GuestSocket = _one.SwitchFolder.GuestSocket($"{first.Id}-next") };
        await _one.Client.JoinAsync(next, CancellationToken.None);
        (await _one.Client.ListAsync(CancellationToken.None)).ShouldBe([next.Id]);
        (await Should.ThrowAsync<SwitchException>(
            () => _one.Client.JoinAsync(next with { Id = $"{first.Id}-third" }, CancellationToken.None))).Code.ShouldBe("invalid-port");
    }

    /// <summary>Asks the network's name server for an address (RFC 1035).</summary>
    private static async Task<IPAddress> ResolveAsync(NamespaceGuest guest, string name)
    {
        using var socket = await guest.SocketAsync(SocketType.Dgram, ProtocolType.Udp);
        byte[] query =
        [
            0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), 5, .. "cloud"u8, 8, .. "internal"u8, 0,
            0, 1, 0, 1,
        ];
        await socket.SendToAsync(query, new IPEndPoint(IPAddress.Parse("10.80.0.3"), 53));
        var answer = new byte[512];
        using var limit = new CancellationTokenSource(Limit);
        var length = await socket.ReceiveAsync(answer, limit.Token);
        return new IPAddress(answer.AsSpan(length - 4, 4));
    }

    private static async Task NewConnectionAsync(int host, Socket listener)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, host);
        using var server = await listener.AcceptAsync().WaitAsync(Limit);
        await ExchangeAsync(client.Client, server, "new");
    }

    private static async Task ExchangeAsync(Socket from, Socket to, string text)
    {
        await from.SendAsync(Encoding.UTF8.GetBytes(text));
        var heard = new byte[text.Length];
        using var limit = new CancellationTokenSource(Limit);
        for (var at = 0; at < heard.Length;)
        {
            at += await to.ReceiveAsync(heard.AsMemory(at), limit.Token);
        }

        Encoding.UTF8.GetString(heard).ShouldBe(text);
    }

    private static async Task<T> EventuallyAsync<T>(Func<Task<T>> ask)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (Exception refused) when (refused is SocketException or IOException && !limit.IsCancellationRequested)
            {
                await Task.Delay(Look);
            }
        }
    }

    private async Task LinkAsync()
    {
        await _one.Client.LinkAsync(new SwitchTrunk("one", [new SwitchPeer("two", _two.SwitchFolder.Path)]), CancellationToken.None);
        await _two.Client.LinkAsync(new SwitchTrunk("two", [new SwitchPeer("one", _one.SwitchFolder.Path)]), CancellationToken.None);
    }
}
