using System.Net;
using System.Net.Sockets;
using Cloud.Testing.Containers;
using Cloud.Vmm.Oci;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Oci;

/// <summary>Containers without a network that are given sockets which listen on the host.</summary>
public sealed class ContainerListenerTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly TestFolder _folder = new();
    private OciDriver _driver = null!;
    private VmSpec _spec = null!;

    public async ValueTask InitializeAsync()
    {
        _driver = NewDriver();
        var layer = _folder.Make("layer");
        ContainerGuest.MakeLayer(layer);
        await SocketServer.BuildAsync(Path.Combine(layer, "bin", "serve"));
        await SocketServer.BuildTurncoatAsync(Path.Combine(layer, "bin", "turn"));
        _spec = ContainerGuest.Spec(_folder, ContainerGuest.Container(layer, "/bin/serve") with
        {
            Listeners = [new VmListener("data", FreePort()), new VmListener("admin", FreePort())],
        });
    }

    public async ValueTask DisposeAsync()
    {
        _driver.Dispose();
        await _folder.DisposeAsync();
    }

    [Fact]
    public async Task Listeners_AreTheFirstProcesss_AndTheHostsLoopbackReachesThem()
    {
        await using var machine = await _driver.StartAsync(_spec, CancellationToken.None);
        (await AskAsync(0)).ShouldStartWith("2 1 data:admin 0 ");
        (await AskAsync(1)).ShouldStartWith("2 1 data:admin 1 ");
        var devices = await machine.Agent.ExecAsync(["cat", "/proc/net/dev"], CancellationToken.None);
        System.Text.Encoding.UTF8.GetString(devices.StandardOutput).Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(2)
            .ShouldHaveSingleItem().ShouldContain("lo:");
        await machine.KillAsync(CancellationToken.None);
        await Should.ThrowAsync<SocketException>(() => AskAsync(0));
    }

    [Fact]
    public async Task Sockets_ThatTheContainerHas_ReachNobody_AndListenNowhereElse()
    {
        using var victim = new TcpListener(IPAddress.Loopback, 0);
        victim.Start();
        var (port, elsewhere) = (((IPEndPoint)victim.LocalEndpoint).Port, FreePort());
        _spec = _spec with { Container = _spec.Container! with { Command = ["/bin/turn", $"{port}", $"{elsewhere}"] } };
        await using var machine = await _driver.StartAsync(_spec, CancellationToken.None);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        Should.Throw<SocketException>(() => client.Connect(IPAddress.Loopback, PortOf(0))).SocketErrorCode.ShouldBe(SocketError.WouldBlock);
        var console = new GrowingFile(Path.Combine(_spec.Folder, "console.log"));
        await console.WaitForAsync("held\r\nheld\r\nlistens");
        victim.Pending().ShouldBeFalse();
        using var other = new TcpClient();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1.5));
        await Should.ThrowAsync<OperationCanceledException>(
            async () => await other.ConnectAsync(IPAddress.Loopback, elsewhere, limit.Token));
        await machine.KillAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Reset_LetsWhoConnectsMeanwhileWait_AndAnAdoptedOneDoesTheSame()
    {
        string before;
        await using (var machine = await _driver.StartAsync(_spec, CancellationToken.None))
        {
            before = await AskAsync(0);
        }

        using var next = NewDriver();
        await using var adopted = (await next.AdoptAsync(_spec.Folder, CancellationToken.None)).ShouldNotBeNull();
        (await AskAsync(0)).ShouldBe(before);
        var resetting = adopted.ResetAsync(CancellationToken.None);
        using var limit = new CancellationTokenSource(Limit);
        string after;
        while ((after = await AskAsync(0)) is "" || after == before)
        {
            // One that the container had taken before it ended gets no answer; none is refused.
            limit.Token.ThrowIfCancellationRequested();
        }

        await resetting;
        after.ShouldStartWith("2 1 data:admin 0 ");
        await adopted.KillAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Port_ThatIsTaken_IsNamed_AndNothingIsLeft()
    {
        using var other = new TcpListener(IPAddress.Loopback, PortOf(1));
        other.Start();
        (await Should.ThrowAsync<VmException>(() => _driver.StartAsync(_spec, CancellationToken.None)))
            .Message.ShouldBe($"Port {PortOf(1)} of 127.0.0.1 is taken by another program of the host.");
        _folder.Processes().ShouldBeEmpty();
        await Should.ThrowAsync<SocketException>(() => AskAsync(0));
        other.Stop();
        await using var machine = await _driver.StartAsync(_spec, CancellationToken.None);
        await AskAsync(1);
        await machine.KillAsync(CancellationToken.None);
    }

    private int PortOf(int number) => _spec.Container!.Listeners[number].Port;

    private OciDriver NewDriver() =>
        new(new OciOptions { StateFolder = _folder.Make($"state-{Guid.NewGuid():n}") }, TimeProvider.System, NullLoggerFactory.Instance);

    private async Task<string> AskAsync(int number)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, PortOf(number)).WaitAsync(Limit);
        using var reader = new StreamReader(client.GetStream());
        try
        {
            return await reader.ReadToEndAsync().WaitAsync(Limit);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
