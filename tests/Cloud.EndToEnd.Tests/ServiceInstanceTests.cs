using System.Net;
using System.Net.Sockets;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Identity.Contracts;
using Cloud.Primitives;
using Cloud.Testing.Containers;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// Containers that a service has for itself: on the machine's second host, which is in a network namespace of its own, without a network,
/// and reached at a port of the machine's loopback.
/// </summary>
public sealed class ServiceInstanceTests(DistributedCloud cloud) : IClassFixture<DistributedCloud>, IAsyncLifetime
{
    private const string Second = "host-2";

    /// <summary>The program comes while it waits.</summary>
    private static readonly string[] Command =
        ["/bin/sh", "-c", "until test -e /data/ready; do sleep 0.05; done; exec /data/serve"];

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private HttpClient _compute = null!;
    private HttpClient _storage = null!;
    private HttpInstances _instances = null!;
    private HttpBlockStorage _volumes = null!;

    public async ValueTask InitializeAsync()
    {
        await cloud.UpAsync("--hosts", "2");
        await UntilAsync(async () => (await cloud.SendAsync(HttpMethod.Get, $"/v1/hosts/{Second}")).Status == HttpStatusCode.OK);
        await cloud.PostAsync($"/v1/hosts/{Second}/activate", null, HttpStatusCode.OK);
        (_compute, _storage) = (cloud.CreateClientOf("compute"), cloud.CreateClientOf("block-storage"));
        _instances = new HttpInstances(() => _compute);
        _volumes = new HttpBlockStorage(() => _storage);
    }

    public ValueTask DisposeAsync()
    {
        _compute.Dispose();
        _storage.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Container_OfAService_IsReachedThroughAllThatHappensToIt_AndSeenByNoUser()
    {
        await _volumes.CreateVolumeAsync(new NewBlockVolume(CloudProject.Id, "served", 64 << 20), CancellationToken.None);
        var made = await MakeAsync(Small("server") with
        {
            Host = (await FindVolumeAsync("served")).Host,
            Command = Command,
            ReadOnlyRoot = true,
            Volumes = [new NewInstanceVolume("served", ReadOnly: false, DeleteOnTermination: false, "/data")],
            Listeners = [new NewListener("data"), new NewListener("admin")],
        });
        made.Settings.Labels["managed-by"].ShouldBe("tests");
        made.Listeners.Select(listener => listener.Name).ShouldBe(["data", "admin"]);
        var port = made.Listeners[0].Port;

        // Whoever connects before the program is there waits for it.
        var waiting = AskAsync(port);
        await InstallAsync("server");
        (await waiting).ShouldStartWith("2 1 data:admin 0 ");
        (await RunAsync("server", "cat /proc/net/dev | tail -n +3 | wc -l")).ShouldBe("1\n");

        (await cloud.GetAsync("/v1/instances")).GetProperty("items").GetArrayLength().ShouldBe(0);
        (await cloud.SendAsync(HttpMethod.Get, $"/v1/instances/{made.Id}")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await cloud.SendAsync(HttpMethod.Get, $"/v1/instances?project={CloudProject.Id}")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await cloud.GetAsync("/v1/volumes")).GetProperty("items").GetArrayLength().ShouldBe(0);

        // It is answered as it is to whoever asks anew, and refused to another service.
        (await _instances.CreateServiceAsync(Small("server"), CancellationToken.None)).Id.ShouldBe(made.Id);
        (await Should.ThrowAsync<CloudException>(() => _instances.CreateServiceAsync(
            Small("server") with { ManagedBy = "others" }, CancellationToken.None))).Code.ShouldBe("name-taken");

        var resized = await _instances.ResizeAsync(CloudProject.Id, "server", 2, 128 << 20, CancellationToken.None);
        (resized.Vcpus, resized.MemoryBytes, resized.Status).ShouldBe((2, 128L << 20, "running"));
        (await RunAsync("server", "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null")).Trim()
            .ShouldBe($"{128 << 20}");

        await cloud.KillAsync(made.Host == Second ? Second : "host");
        (await AskAsync(port)).ShouldStartWith("2 1 data:admin 0 ");
        await StopAsync("server");
        await Should.ThrowAsync<SocketException>(() => AskAsync(port));
        await StartAsync("server");
        (await AskAsync(port)).ShouldStartWith("2 1 data:admin 0 ");
        (await _instances.DeleteAsync(CloudProject.Id, "server", CancellationToken.None)).ShouldBeTrue();
        await Should.ThrowAsync<SocketException>(() => AskAsync(port));
        await UntilAsync(async () => (await FindVolumeAsync("served")).Status == BlockVolume.Available);
        await UntilAsync(() => _volumes.DeleteVolumeAsync(CloudProject.Id, "served", CancellationToken.None));
    }

    [Fact]
    public async Task Container_OnAHostWithANetworkOfItsOwn_ListensOnTheMachines_AndStillDoesOnceItHasGoneToAnother()
    {
        var made = await MakeAsync(Small("moved") with
        {
            Host = Second,
            Command = ["/bin/sh", "-c", "mkdir -p /data; until test -e /data/ready; do sleep 0.05; done; exec /data/serve"],
            Listeners = [new NewListener("data")],
        });
        made.Host.ShouldBe(Second);
        await InstallAsync("moved");
        var port = made.Listeners[0].Port;
        var before = await AskAsync(port);
        before.ShouldStartWith("1 1 data 0 ");
        await cloud.PostAsync($"/v1/hosts/{Second}/drain", null, HttpStatusCode.OK);
        await UntilAsync(async () => await FindAsync("moved") is { Settled: true, Status: InstanceState.Running, Host: not Second });
        var after = await AskAsync(port);
        after.ShouldStartWith("1 1 data 0 ");
        after.ShouldNotBe(before);
        await cloud.PostAsync($"/v1/hosts/{Second}/activate", null, HttpStatusCode.OK);
        await _instances.DeleteAsync(CloudProject.Id, "moved", CancellationToken.None);
    }

    [Fact]
    public async Task Port_ThatIsTaken_IsNamed()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        var refused = await Should.ThrowAsync<CloudException>(() => _instances.CreateServiceAsync(
            Small("late") with { Listeners = [new NewListener("data", port)] }, CancellationToken.None));
        (refused.Code, refused.Message).ShouldBe(("port-taken", $"Port {port} is taken on this machine."));
        (await Should.ThrowAsync<CloudException>(() => _instances.CreateServiceAsync(
            Small("late") with { Vcpus = 0 }, CancellationToken.None))).Kind.ShouldBe(ErrorKind.Invalid);
    }

    private static NewServiceInstance Small(string name) =>
        new() { Name = name, ManagedBy = "tests", Image = "tiny-container", Vcpus = 1, MemoryBytes = 64 << 20 };

    private async Task<InstanceState> MakeAsync(NewServiceInstance instance)
    {
        await _instances.CreateServiceAsync(instance, CancellationToken.None);
        InstanceState made = null!;
        await UntilAsync(async () => (made = (await FindAsync(instance.Name))!).Settled);
        made.Status.ShouldBe(InstanceState.Running, made.StatusReason);
        return made;
    }

    private Task<InstanceState?> FindAsync(string name) => _instances.FindAsync(CloudProject.Id, name, CancellationToken.None);

    private async Task<BlockVolume> FindVolumeAsync(string name) =>
        (await _volumes.FindVolumeAsync(CloudProject.Id, name, CancellationToken.None))!;

    private async Task InstallAsync(string instance)
    {
        var program = Path.GetTempFileName();
        await SocketServer.BuildAsync(program);
        await using (var file = File.OpenRead(program))
        {
            var end = await _instances.RunAsync(
                CloudProject.Id, instance,
                new ContainerCommand(["sh", "-c", "cat > /data/serve && chmod +x /data/serve && touch /data/ready"]), file, null,
                CancellationToken.None);
            end.ShouldBe(new ContainerCommandEnd(0, ""));
        }

        File.Delete(program);
    }

    private async Task<string> RunAsync(string instance, string script)
    {
        var said = "";
        await _instances.RunAsync(
            CloudProject.Id, instance, new ContainerCommand(["sh", "-c", script]), null,
            async (output, ct) => said = await new StreamReader(output).ReadToEndAsync(ct), CancellationToken.None);
        return said;
    }

    private async Task StopAsync(string name)
    {
        await _instances.StopAsync(CloudProject.Id, name, CancellationToken.None);
        await UntilAsync(async () => await FindAsync(name) is { Settled: true, Status: InstanceState.Stopped });
    }

    private async Task StartAsync(string name)
    {
        await _instances.StartAsync(CloudProject.Id, name, CancellationToken.None);
        await UntilAsync(async () => await FindAsync(name) is { Settled: true, Status: InstanceState.Running });
    }

    private static async Task<string> AskAsync(int port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port).WaitAsync(Limit);
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync().WaitAsync(Limit);
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!await holds())
        {
            await Task.Delay(100, limit.Token);
        }
    }
}
