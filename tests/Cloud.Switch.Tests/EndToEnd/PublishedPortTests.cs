using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Cloud.Switch.Client;

namespace Cloud.Switch.Tests.EndToEnd;

public sealed class PublishedPortTests(SwitchUnderTest under) : IClassFixture<SwitchUnderTest>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Published_ByItsPortOfTheHost_ReachesTheGuest()
    {
        var host = SwitchUnderTest.FreePort();
        var guest = await under.BootWithAddressAsync(under.NewPort("published", 1, new PublishedPort(7000, host)));
        using var greeter = await guest.GreetAsync(7000, "from guest");

        (await ReadAllAsync(host)).ShouldBe("from guest");
    }

    [Fact]
    public async Task Published_WithManyBytesBothWays_LosesNone()
    {
        var host = SwitchUnderTest.FreePort();
        var guest = await under.BootWithAddressAsync(under.NewPort("both-ways", 1, new PublishedPort(7000, host)));
        using var listener = await guest.SocketAsync(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Any, 7000));
        listener.Listen();
        var sent = RandomNumberGenerator.GetBytes(2_000_000);
        using var limit = new CancellationTokenSource(Limit);

        var echo = EchoAsync(listener, limit.Token);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, host, limit.Token);
        var writing = client.GetStream().WriteAsync(sent, limit.Token).AsTask();
        var back = new byte[sent.Length];
        await client.GetStream().ReadExactlyAsync(back, limit.Token);
        await writing;
        client.Client.Shutdown(SocketShutdown.Send);
        await echo;

        back.ShouldBe(sent);
    }

    [Fact]
    public async Task Published_ByAnotherAddressOfTheHost_IsNotThere()
    {
        var host = SwitchUnderTest.FreePort();
        await under.BootWithAddressAsync(under.NewPort("loopback-only", 1, new PublishedPort(7000, host)));
        using var client = new TcpClient();

        (await Should.ThrowAsync<SocketException>(client.ConnectAsync(under.Outside.HostAddress, host)))
            .SocketErrorCode.ShouldBe(SocketError.ConnectionRefused);
    }

    [Fact]
    public async Task Published_OnATakenPort_IsRefusedAndChangesNothing()
    {
        using var taken = Greeter.OnHost(IPAddress.Loopback, "mine");
        var host = SwitchUnderTest.FreePort();
        var port = under.NewPort("taken-port", 1, new PublishedPort(7000, host));
        var guest = await under.BootWithAddressAsync(port);
        using var greeter = await guest.GreetAsync(7000, "from guest");

        PublishedPort[] asked = [new(7000, host), new(7001, SwitchUnderTest.FreePort()), new(7002, taken.Port)];
        var refused = await Should.ThrowAsync<SwitchException>(
            under.Client.JoinAsync(port with { Published = asked }, CancellationToken.None));

        refused.Code.ShouldBe("port-taken");
        refused.Message.ShouldContain($"{taken.Port}");
        (await ReadAllAsync(host)).ShouldBe("from guest");
        (await ReadAllAsync(taken.Port)).ShouldBe("mine");
    }

    [Fact]
    public async Task Published_TakenBack_IsClosedAndFree()
    {
        var (kept, gone) = (SwitchUnderTest.FreePort(), SwitchUnderTest.FreePort());
        var port = under.NewPort("taken-back", 1, new PublishedPort(7000, kept), new PublishedPort(7000, gone));
        var guest = await under.BootWithAddressAsync(port);
        using var greeter = await guest.GreetAsync(7000, "from guest");
        (await ReadAllAsync(gone)).ShouldBe("from guest");

        await under.Client.JoinAsync(port with { Published = [new PublishedPort(7000, kept)] }, CancellationToken.None);

        (await Should.ThrowAsync<SocketException>(ReadAllAsync(gone))).SocketErrorCode.ShouldBe(SocketError.ConnectionRefused);
        (await ReadAllAsync(kept)).ShouldBe("from guest");
    }

    [Fact]
    public async Task Published_OfAPortThatLeft_IsClosedAndItsFolderGone()
    {
        var host = SwitchUnderTest.FreePort();
        var port = under.NewPort("left", 1, new PublishedPort(7000, host));
        await under.Client.JoinAsync(port, CancellationToken.None);

        await under.Client.LeaveAsync(port.Id, CancellationToken.None);

        (await Should.ThrowAsync<SocketException>(ReadAllAsync(host))).SocketErrorCode.ShouldBe(SocketError.ConnectionRefused);
        Directory.Exists(under.SwitchFolder.PortFolder(port.Id)).ShouldBeFalse();
        Directory.EnumerateFiles(under.SwitchFolder.State).ShouldNotContain(file => file.Contains(port.Id, StringComparison.Ordinal));
        (await under.Client.ListAsync(CancellationToken.None)).ShouldNotContain(port.Id);
    }

    [Fact]
    public async Task Statistics_OfAPort_CountBothWays()
    {
        var host = SwitchUnderTest.FreePort();
        var port = under.NewPort("counted", 1, new PublishedPort(7000, host));
        var guest = await under.BootWithAddressAsync(port);
        using var greeter = await guest.GreetAsync(7000, new string('x', 100_000));
        await ReadAllAsync(host);

        var statistics = await under.ReadStatisticsAsync(port);

        statistics.SentBytes.ShouldBeGreaterThan(100_000);
        statistics.SentPackets.ShouldBeGreaterThan(50);
        statistics.ReceivedPackets.ShouldBeGreaterThan(2);
        statistics.ReceivedBytes.ShouldBeLessThan(100_000);
        statistics.Connected.ShouldBeTrue();
    }

    internal static async Task<string> ReadAllAsync(int port)
    {
        using var limit = new CancellationTokenSource(Limit);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, limit.Token);
        using var reader = new StreamReader(client.GetStream(), Encoding.UTF8);
        return await reader.ReadToEndAsync(limit.Token);
    }

    private static async Task EchoAsync(Socket listener, CancellationToken ct)
    {
        using var socket = await listener.AcceptAsync(ct);
        await using var stream = new NetworkStream(socket);
        await stream.CopyToAsync(stream, ct);
    }
}
