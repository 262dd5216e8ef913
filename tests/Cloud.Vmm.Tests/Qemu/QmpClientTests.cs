using System.Net;
using System.Net.Sockets;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Tests.Qemu;

public sealed class QmpClientTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Answer_ThatIsTheLastWordOfTheOtherEnd_IsTaken()
    {
        using var limit = new CancellationTokenSource(Limit);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.LocalEndpoint, limit.Token);
        using var machine = await listener.AcceptTcpClientAsync(limit.Token);
        using var hears = new StreamReader(machine.GetStream());
        await using var says = new StreamWriter(machine.GetStream()) { AutoFlush = true };
        await using var line = new HeldStream(socket);

        var opening = QmpClient.OpenAsync(line, TimeProvider.System, _ => { }, limit.Token);
        await says.WriteLineAsync("""{"QMP": {"version": {}}}""");
        await hears.ReadLineAsync(limit.Token);
        await says.WriteLineAsync("""{"return": {}, "id": 1}""");
        await using var client = await opening;

        // As a guest that shuts down at once does it: the answer, and the end, are there before the command's write has returned.
        line.Returns = client.Closed;
        var answer = client.ExecuteAsync("system_powerdown", null, limit.Token);
        await hears.ReadLineAsync(limit.Token);
        await says.WriteLineAsync("""{"return": {}, "id": 2}""");
        machine.Client.Shutdown(SocketShutdown.Send);

        await answer;
        (await Should.ThrowAsync<QmpException>(() => client.ExecuteAsync("query-status", null, limit.Token)))
            .ErrorClass.ShouldBe(QmpException.Lost);
    }

    /// <summary>Its writes are made at once, and return when they are let.</summary>
    private sealed class HeldStream(Socket socket) : NetworkStream(socket, ownsSocket: true)
    {
        public Task Returns { get; set; } = Task.CompletedTask;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await base.WriteAsync(buffer, cancellationToken);
            await Returns;
        }
    }
}
