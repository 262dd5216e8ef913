using System.Net;
using System.Net.WebSockets;
using System.Text;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// The ways into a guest: ssh by key pair and published port, the console, exec, the metadata address, names; and the ways that are closed.
/// </summary>
[Collection(OnLocalCloud.Name)]
public sealed class AccessTests(LocalCloud cloud)
{
    [Fact]
    public async Task KeyPairAndPublishedPort_LetSshIn()
    {
        var key = await cloud.PostAsync("/v1/key-pairs", new { name = "mine" });
        var file = Path.Combine(cloud.Data, "mine.pem");
        await File.WriteAllTextAsync(file, key.GetProperty("privateKey").GetString());
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var instance = await cloud.CreateInstanceAsync("shell", with: new { keyPair = "mine", ports = new[] { new { guest = 22 } } });
        var port = instance.GetProperty("ports")[0].GetProperty("port").GetInt32();
        var user = (await cloud.GetAsync("/v1/images/tiny")).GetProperty("loginUser").GetString();

        var said = await Ssh.RunAsync(file, port, user!, "uname -n");

        said.Trim().ShouldBe("shell");
        await cloud.DeleteInstanceAsync(instance.GetProperty("id").GetString()!);
    }

    [Fact]
    public async Task Console_TailAndFollow_ShowWhatIsPrinted()
    {
        var instance = await cloud.CreateInstanceAsync("talker", "#!/bin/sh\necho one; echo two");
        var id = instance.GetProperty("id").GetString()!;

        (await cloud.Http.GetStringAsync($"/v1/instances/{id}/console")).ShouldContain("one");
        (await cloud.Http.GetStringAsync($"/v1/instances/{id}/console?tail=1"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(1);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await using var stream = await cloud.Http.GetStreamAsync($"/v1/instances/{id}/console?follow=true", limit.Token);
        await cloud.ShellAsync(id, "echo followed-line > /dev/ttyS0");
        using var reader = new StreamReader(stream);
        while (await reader.ReadLineAsync(limit.Token) is { } line && !line.Contains("followed-line", StringComparison.Ordinal))
        {
        }

        limit.IsCancellationRequested.ShouldBeFalse();
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task Terminal_OverWebSocket_IsAShell()
    {
        var instance = await cloud.CreateInstanceAsync("terminal");
        var id = instance.GetProperty("id").GetString()!;
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {cloud.Token}");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var address = new UriBuilder(cloud.Http.BaseAddress!) { Scheme = "ws", Path = $"/v1/instances/{id}/console/ws" }.Uri;
        await socket.ConnectAsync(address, limit.Token);
        await socket.SendAsync(Encoding.ASCII.GetBytes("\necho $((6 * 7))-typed\n"), WebSocketMessageType.Binary, true, limit.Token);

        var seen = new StringBuilder();
        var buffer = new byte[4096];
        while (!seen.ToString().Contains("42-typed", StringComparison.Ordinal))
        {
            var read = await socket.ReceiveAsync(buffer, limit.Token);
            seen.Append(Encoding.UTF8.GetString(buffer, 0, read.Count));
        }

        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task Metadata_TellsAGuestWhoItIs()
    {
        var instance = await cloud.CreateInstanceAsync("asker", "#!/bin/sh\necho marker-7");
        var id = instance.GetProperty("id").GetString()!;
        (await cloud.ShellAsync(id, "wget -qO- http://169.254.169.254/latest/meta-data/instance-id")).Trim().ShouldBe(id);
        (await cloud.ShellAsync(id, "wget -qO- http://169.254.169.254/latest/user-data")).ShouldContain("marker-7");
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task Guests_ReachTheirOwnProjectByName_AndNothingElseOfTheHost()
    {
        var left = (await cloud.CreateInstanceAsync("left")).GetProperty("id").GetString()!;
        var right = (await cloud.CreateInstanceAsync("right")).GetProperty("id").GetString()!;
        (await cloud.ShellAsync(left, "ping -c 1 -W 5 right")).ShouldContain("1 packets received");

        var port = cloud.Http.BaseAddress!.Port;
        foreach (var closed in new[] { "127.0.0.1", "10.80.0.1", "10.80.0.2", "10.80.0.3" }.Concat(HostAddresses()))
        {
            // 127.0.0.1 is the guest's own loopback: nothing of the host's may answer on it either.
            (await cloud.ShellAsync(left, $"wget -T 3 -qO- http://{closed}:{port}/health/live"))
                .ShouldContain("[exit", Case.Sensitive, $"{closed}:{port}");
        }

        await cloud.DeleteInstanceAsync(left);
        await cloud.DeleteInstanceAsync(right);
    }

    [Fact]
    public async Task Guests_OfTwoProjects_NeverMeet()
    {
        (await cloud.SendAsync(HttpMethod.Post, "/v1/projects", new { name = "other" })).Status.ShouldBe(HttpStatusCode.Created);
        var here = await cloud.CreateInstanceAsync("here");
        var there = await cloud.PostAsync("/v1/instances?wait=180&project=other", new { name = "there", image = "tiny", type = "nano" });
        var id = here.GetProperty("id").GetString()!;
        var thereId = there.GetProperty("id").GetString()!;

        // Each project has a network of its own; the same address may stand in both.
        var second = (await cloud.CreateInstanceAsync("second")).GetProperty("id").GetString()!;
        (await cloud.ShellAsync(id, "ping -c 1 -W 3 there")).ShouldContain("[exit");
        (await cloud.ShellAsync(second, $"ping -c 1 -W 3 {here.GetProperty("address").GetString()}")).ShouldContain("1 packets received");
        (await cloud.SendAsync(HttpMethod.Get, $"/v1/instances/{thereId}")).Status.ShouldBe(HttpStatusCode.NotFound);

        await cloud.DeleteInstanceAsync(id);
        await cloud.DeleteInstanceAsync(second);
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/instances/{thereId}?wait=60&project=other"))
            .Status.ShouldBe(HttpStatusCode.NoContent);
    }

    private static IEnumerable<string> HostAddresses() => Dns.GetHostAddresses(Dns.GetHostName())
        .Concat(System.Net.NetworkInformation.NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(one => one.GetIPProperties().UnicastAddresses).Select(one => one.Address))
        .Where(address => address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork && !IPAddress.IsLoopback(address))
        .Select(address => address.ToString()).Distinct();
}
