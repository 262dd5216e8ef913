using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// A second host comes to a cloud of its own, guests go to it and back, and it goes again. A guest counts to whoever connects to its
/// published port: the counter is in its memory, and a number that is missing was lost on the way. <c>CLOUD_TEST_ROUNDS=10</c> goes there
/// and back ten times.
/// </summary>
public sealed class MigrationTests(LocalCloud cloud, ITestOutputHelper output) : IClassFixture<LocalCloud>, IAsyncLifetime
{
    private const string Second = "host-2";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    /// <summary>Counts, a line each hundredth of a second, to whoever connects.</summary>
    private const string Counter = """
        #!/bin/sh
        cat > /run/count << 'END'
        #!/bin/sh
        i=0
        while :; do i=$((i+1)); echo $i; usleep 10000; done
        END
        chmod +x /run/count
        (while :; do nc -l -p 7000 -e /run/count; done) < /dev/null > /dev/null 2>&1 &
        """;

    /// <summary>Copies 8 MiB of its memory over and over, and says so where they are not what they were.</summary>
    private const string Writer = """
        #!/bin/sh
        cd /dev/shm && dd if=/dev/urandom of=from bs=1M count=8 && cp from to
        (while dd if=from of=to bs=1M conv=notrunc 2> /dev/null && cmp from to; do :; done; echo torn > /run/torn) > /dev/null 2>&1 &
        echo $! > /run/writer
        """;

    private const int WriterMoves = 8;

    private static readonly int Rounds = int.Parse(
        Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "1", CultureInfo.InvariantCulture);

    public async ValueTask InitializeAsync()
    {
        await cloud.UpAsync("--hosts", "2");
        await UntilAsync(async () => (await cloud.SendAsync(HttpMethod.Get, $"/v1/hosts/{Second}")).Status == HttpStatusCode.OK);
        await cloud.PostAsync($"/v1/hosts/{Second}/activate", null, HttpStatusCode.OK);
    }

    public async ValueTask DisposeAsync()
    {
        await DrainAsync(Second);
        await cloud.UpAsync("--hosts", "1");
        GuestProcesses.In(Path.Combine(cloud.Data, Second)).Select(process => process.ProcessName).ShouldBeEmpty();
    }

    [Fact]
    public async Task Guests_GoToAnotherHostAndBack_WithAllThatTheyHave()
    {
        var made = await cloud.CreateInstanceAsync("counter", Counter, new { ports = new[] { new { guest = 7000 }, new { guest = 22 } } });
        var id = IdOf(made);
        var (port, ssh) = (PortOf(made, 0), PortOf(made, 1));
        var sibling = IdOf(await cloud.CreateInstanceAsync("sibling"));
        await MoveToAsync(id, "local");
        await MoveToAsync(sibling, Second);
        await ReachAsync(id, sibling);
        await cloud.ShellAsync(id, "echo kept > /root/file; sync");

        using var stream = new CountedStream(port);
        await stream.AdvancesAsync();
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var host in (string[])[Second, "local"])
            {
                await MoveToAsync(id, host);
                await stream.AdvancesAsync();
                (await GreetingAsync(ssh)).ShouldStartWith("SSH-2.0");
                (await cloud.ShellAsync(id, "cat /root/file")).ShouldBe("kept\n");
                (await cloud.Http.GetStringAsync($"/v1/instances/{id}/console")).Length.ShouldBeGreaterThan(500);
                await ReachAsync(id, sibling);
                GuestProcesses.Of(cloud.Data, id).ShouldHaveSingleItem();
            }
        }

        await HasNoNetworkAsync(sibling);
        await CrashesAsync(id, stream);

        // The host that it is on goes out of use, and it goes to the other.
        var from = (await cloud.GetAsync($"/v1/instances/{id}")).GetProperty("host").GetString()!;
        await DrainAsync(from);
        (await cloud.GetAsync($"/v1/instances/{id}")).GetProperty("host").GetString().ShouldNotBe(from);
        await stream.AdvancesAsync();
        await cloud.PostAsync($"/v1/hosts/{from}/activate", null, HttpStatusCode.OK);

        // From its own disk alone.
        await MoveToAsync(id, Second);
        await cloud.PostAsync($"/v1/instances/{id}/stop?wait=60", null, HttpStatusCode.OK);
        await cloud.PostAsync($"/v1/instances/{id}/start?wait=120", null, HttpStatusCode.OK);
        (await cloud.ShellAsync(id, "cat /root/file")).ShouldBe("kept\n");
        (await GreetingAsync(ssh)).ShouldStartWith("SSH-2.0");

        foreach (var one in (string[])[id, sibling])
        {
            await cloud.DeleteInstanceAsync(one);
            Directory.Exists(Path.Combine(cloud.Data, Second, "guests", one)).ShouldBeFalse();
        }
    }

    /// <summary>
    /// What a guest wrote while its memory was on the way comes too, its kernel's own not least; and it goes back before the host that it
    /// came from has forgotten it.
    /// </summary>
    [Fact]
    public async Task Guest_ThatWritesAllTheTime_HasAllOfItsMemory_HoweverOftenItGoes()
    {
        var id = IdOf(await cloud.CreateInstanceAsync("writer", Writer));
        for (var move = 0; move < WriterMoves; move++)
        {
            await MoveToAsync(id, await HostOfAsync(id) == "local" ? Second : "local");
            (await cloud.GetAsync($"/v1/instances/{id}/migration")).GetProperty("progress").GetProperty("downtimeSeconds").ValueKind
                .ShouldBe(JsonValueKind.Number, "it ran all the while");
        }

        (await cloud.ShellAsync(
            id, "cat /run/torn 2> /dev/null; dmesg | grep -E 'BUG|Oops|segfault|general prot'; kill -0 $(cat /run/writer) || echo ended"))
            .ShouldBe("");
        GuestProcesses.Of(cloud.Data, id).ShouldHaveSingleItem();
        await cloud.DeleteInstanceAsync(id);
    }

    /// <summary>Volumes, snapshots and what does not run go with their instances: a drained host has nothing left.</summary>
    [Fact]
    public async Task Drain_TakesAllAlong_VolumesSnapshotsContainers_RunningOrNot()
    {
        await DrainAsync(Second);
        var volumes = new Dictionary<string, string>();
        foreach (var (name, with) in ((string, object)[])[
            ("plain", new { name = "moved-plain", sizeBytes = "64Mi" }),
            ("secret", new { name = "moved-secret", sizeBytes = "64Mi", encrypted = true }),
            ("raw", new { name = "moved-raw", sizeBytes = "64Mi", format = "raw" })])
        {
            volumes[name] = IdOf(await cloud.PostAsync("/v1/volumes?wait=30", with));
        }

        var id = IdOf(await cloud.CreateInstanceAsync("mover", null, new
        {
            volumes = new[] { new { volume = volumes["plain"] }, new { volume = volumes["secret"] } },
        }));
        await cloud.ShellAsync(
            id, "for d in vdb vdc; do dd if=/dev/urandom of=/dev/$d bs=1M count=8 2> /dev/null; done; sync; echo one > /root/mark");
        var sums = await SumsAsync(id);
        var kept = IdOf(await cloud.PostAsync("/v1/snapshots?wait=30", new { name = "moved-kept", volume = volumes["plain"] }));
        var whole = IdOf(await cloud.PostAsync($"/v1/instances/{id}/snapshot?wait=60", new { name = "moved-whole" }));
        var container = IdOf(await cloud.CreateInstanceAsync("crate", null, new
        {
            image = "tiny-container",
            command = new[] { "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done" },
            volumes = new[] { new { volume = volumes["raw"], mountPath = "/data" } },
        }));
        await cloud.ShellAsync(container, "echo crate | tee /data/file > /root-file; rm -rf /etc/motd /media");
        await cloud.PostAsync($"/v1/hosts/{Second}/activate", null, HttpStatusCode.OK);
        const string Look = "stat -c '%n %u %g %a' /root-file /data/file /etc; ls /etc/motd /media 2>&1";
        var listing = await cloud.ShellAsync(container, Look);

        // It writes on while it goes, and nothing of that is lost.
        await cloud.ShellAsync(
            id, "(i=0; while :; do i=$((i+1)); echo $i | dd of=/dev/vdb bs=512 seek=32768 conv=sync,fsync; echo $i > /run/n;"
                + " mv /run/n /run/i; done) > /dev/null 2>&1 < /dev/null & echo $! > /run/writer; echo two > /root/mark; sync");
        var free = IdOf(await cloud.PostAsync("/v1/volumes?wait=30", new { name = "moved-free", sizeBytes = "64Mi" }));
        await DrainAsync("local");
        (await HostOfAsync(id), await HostOfAsync(container)).ShouldBe((Second, Second));
        foreach (var volume in (string[])[.. volumes.Values, free])
        {
            var row = await cloud.GetAsync($"/v1/volumes/{volume}");
            row.GetProperty("host").GetString().ShouldBe(Second);
            row.GetProperty("status").GetString().ShouldBe(volume == free ? "available" : "attached");
        }

        await cloud.PostAsync("/v1/hosts/local/activate", null, HttpStatusCode.OK);
        (await SumsAsync(id)).ShouldBe(sums);
        var numbers = await cloud.ShellAsync(
            id, "kill $(cat /run/writer); sleep 1; dd if=/dev/vdb bs=512 skip=32768 count=1 2> /dev/null | tr -d '\\000'; cat /run/i");
        var (written, said) = numbers.Split('\n', StringSplitOptions.RemoveEmptyEntries) is [var a, var b]
            ? (int.Parse(a), int.Parse(b))
            : throw new InvalidOperationException($"Not two numbers: {numbers}");
        (written - said).ShouldBeInRange(0, 1);
        written.ShouldBeGreaterThan(1);
        await UntilAsync(async () => (await cloud.GetAsync($"/v1/instances/{container}")).GetProperty("status").GetString() == "running");
        (await cloud.ShellAsync(container, "cat /data/file /root-file")).ShouldBe("crate\ncrate\n");
        (await cloud.ShellAsync(container, Look)).ShouldBe(listing);
        volumes["free"] = free;
        LeftOf("local", id, container, volumes.Values).ShouldBeEmpty();

        // What it was, and its volumes were, is known over there too.
        await cloud.PostAsync($"/v1/instance-snapshots/{whole}/restore?wait=60", null, HttpStatusCode.OK);
        (await cloud.ShellAsync(id, "cat /root/mark")).ShouldBe("one\n");
        (await SumsAsync(id)).ShouldBe(sums);

        // At rest, as each of what it can be.
        await cloud.PostAsync($"/v1/instances/{id}/suspend?wait=60", null, HttpStatusCode.OK);
        await MoveToAsync(id, "local", "suspended");
        await cloud.PostAsync($"/v1/instances/{id}/resume?wait=60", null, HttpStatusCode.OK);
        (await SumsAsync(id)).ShouldBe(sums);
        await cloud.PostAsync($"/v1/instances/{id}/pause?wait=60", null, HttpStatusCode.OK);
        await MoveToAsync(id, Second, "suspended");
        await cloud.PostAsync($"/v1/instances/{id}/stop?wait=60", null, HttpStatusCode.OK);
        await MoveToAsync(id, "local", "stopped");
        foreach (var (unit, to) in ((string, string)[])[("cloud", Second), (Second, "local")])
        {
            // Either side's agent is killed on the way: it is on one of them, with all that it has.
            await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/migrate", new { host = to });
            await cloud.SendAsync(HttpMethod.Post, $"/v1/volumes/{free}/migrate", new { host = to });
            await Task.Delay(TimeSpan.FromMilliseconds(Random.Next(1000)));
            await cloud.KillAsync(unit);
            await cloud.UpAsync();
            await UntilAsync(async () => (await cloud.GetAsync($"/v1/instances/{id}")).GetProperty("status").GetString() == "stopped");
            await UntilAsync(async () => (await cloud.GetAsync($"/v1/volumes/{free}")).GetProperty("status").GetString() == "available");
        }

        await MoveToAsync(id, "local", "stopped");
        await cloud.PostAsync($"/v1/instances/{id}/start?wait=120", null, HttpStatusCode.OK);
        (await SumsAsync(id)).ShouldBe(sums);
        (await cloud.ShellAsync(id, "cat /root/mark")).ShouldBe("one\n");
        await cloud.PostAsync($"/v1/instances/{container}/stop?wait=60", null, HttpStatusCode.OK);
        await MoveToAsync(container, "local", "stopped");
        if ((await cloud.GetAsync($"/v1/volumes/{free}")).GetProperty("host").GetString() == Second)
        {
            (await cloud.PostAsync($"/v1/volumes/{free}/migrate?wait=30", null, HttpStatusCode.OK)).GetProperty("host").GetString()
                .ShouldBe("local");
        }

        await UntilAsync(() => Task.FromResult(LeftOf(Second, id, container, volumes.Values).Count == 0));

        foreach (var instance in (string[])[id, container])
        {
            await cloud.DeleteInstanceAsync(instance);
        }

        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/snapshots/{kept}?wait=30")).Status.ShouldBe(HttpStatusCode.NoContent);
        foreach (var volume in volumes.Values)
        {
            await UntilAsync(async () => (await cloud.GetAsync($"/v1/volumes/{volume}")).GetProperty("status").GetString() == "available");
            (await cloud.SendAsync(HttpMethod.Delete, $"/v1/volumes/{volume}?wait=30")).Status.ShouldBe(HttpStatusCode.NoContent);
        }
    }

    /// <summary>The names of what a host's folder has of instances and their volumes.</summary>
    private List<string> LeftOf(string host, string instance, string container, IEnumerable<string> volumes)
    {
        var folder = Path.Combine(cloud.Data, host == "local" ? "host" : host);
        string[] wanted = [instance, container, .. volumes];
        return Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories)
            .Where(path => !path.StartsWith(Path.Combine(folder, "switch"), StringComparison.Ordinal)
                && wanted.Any(one => Path.GetFileName(path).Contains(one, StringComparison.Ordinal)))
            .Concat(Directory.EnumerateFiles(Path.Combine(folder, "volumes", "files"))).ToList();
    }

    private async Task<string> HostOfAsync(string id) => (await cloud.GetAsync($"/v1/instances/{id}")).GetProperty("host").GetString()!;

    private Task<string> SumsAsync(string id) => cloud.ShellAsync(
        id, "echo 3 > /proc/sys/vm/drop_caches; for d in vdb vdc; do dd if=/dev/$d bs=1M count=8 2> /dev/null | sha256sum; done");

    /// <summary>
    /// The second host has a network namespace of its own, where it may: there is no network in it, though its guest has one, by the
    /// switch.
    /// </summary>
    private async Task HasNoNetworkAsync(string id)
    {
        var guest = GuestProcesses.Of(cloud.Data, id).ShouldHaveSingleItem().Id;
        var networks = (await File.ReadAllLinesAsync($"/proc/{guest}/net/dev")).Skip(2).Select(line => line.Split(':')[0].Trim()).ToList();
        var said = (await cloud.GetAsync($"/v1/hosts/{Second}")).GetProperty("networkNamespace").GetString();
        (await cloud.GetAsync("/v1/hosts/local")).GetProperty("networkNamespace").GetString().ShouldBe("machine");
        if (!Environment.IsPrivilegedProcess)
        {
            said.ShouldBe("machine");
            return;
        }

        said.ShouldBe("own");
        networks.ShouldBe(["lo"]);
        new FileInfo($"/proc/{guest}/ns/net").LinkTarget.ShouldNotBe(new FileInfo("/proc/self/ns/net").LinkTarget);
        (await cloud.ShellAsync(id, "ip -o link show up")).ShouldContain("eth0");
    }

    /// <summary>
    /// Either side's agent is killed while a guest is on its way: it runs on one of the hosts, once, and goes on where it was.
    /// </summary>
    private async Task CrashesAsync(string id, CountedStream stream)
    {
        foreach (var (unit, to) in ((string, string)[])[("cloud", Second), (Second, Second), (Second, "local")])
        {
            await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/migrate", new { host = to });
            await Task.Delay(TimeSpan.FromMilliseconds(Random.Next(700)));
            await cloud.KillAsync(unit);
            await cloud.UpAsync();
            JsonElement after = default;
            await UntilAsync(async () =>
                (after = await cloud.GetAsync($"/v1/instances/{id}")).GetProperty("status").GetString() == "running");
            output.WriteLine($"{unit} killed on the way to {to}: on {after.GetProperty("host")}, {after.GetProperty("statusReason")}");
            await UntilAsync(() => Task.FromResult(GuestProcesses.Of(cloud.Data, id).Count == 1));
            await stream.AdvancesAsync();
        }
    }

    private static Random Random { get; } = new(7);

    private static string IdOf(JsonElement instance) => instance.GetProperty("id").GetString()!;

    private static int PortOf(JsonElement instance, int at) => instance.GetProperty("ports")[at].GetProperty("port").GetInt32();

    /// <summary>What a new connection hears first.</summary>
    private static async Task<string> GreetingAsync(int port)
    {
        using var limit = new CancellationTokenSource(Limit);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, limit.Token);
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadLineAsync(limit.Token) ?? "";
    }

    private async Task MoveToAsync(string id, string host, string status = "running")
    {
        if ((await cloud.GetAsync($"/v1/instances/{id}")).GetProperty("host").GetString() == host)
        {
            return;
        }

        var moved = await cloud.PostAsync($"/v1/instances/{id}/migrate?wait=60", new { host }, HttpStatusCode.OK);
        moved.GetProperty("host").GetString().ShouldBe(host, moved.ToString());
        moved.GetProperty("status").GetString().ShouldBe(status, moved.ToString());
        var progress = (await cloud.GetAsync($"/v1/instances/{id}/migration")).GetProperty("progress");
        output.WriteLine($"to {host}: {progress.GetProperty("totalSeconds")} s, down {progress.GetProperty("downtimeSeconds")} s");
    }

    private async Task ReachAsync(string one, string other)
    {
        foreach (var (from, to) in ((string, string)[])[(one, "sibling"), (other, "counter")])
        {
            await UntilAsync(async () => await cloud.ShellAsync(from, $"ping -c 1 -W 5 {to} > /dev/null && echo reached") == "reached\n");
        }
    }

    private async Task DrainAsync(string host)
    {
        await cloud.PostAsync($"/v1/hosts/{host}/drain", null, HttpStatusCode.OK);
        await UntilAsync(async () => (await cloud.GetAsync($"/v1/hosts/{host}")).GetProperty("status").GetString() == "drained");
        (await cloud.GetAsync($"/v1/hosts/{host}")).GetProperty("drain").GetProperty("staying").EnumerateArray()
            .Select(one => one.ToString()).ShouldBeEmpty();
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!await holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), limit.Token);
        }
    }

    /// <summary>A connection over which a guest counts.</summary>
    private sealed class CountedStream : IDisposable
    {
        private readonly TcpClient _client = new();
        private readonly StreamReader _lines;
        private long _last;

        public CountedStream(int port)
        {
            _client.Connect(IPAddress.Loopback, port);
            _lines = new StreamReader(_client.GetStream());
        }

        /// <summary>Reads all that has come and a little more; every number is one more than the one before it.</summary>
        public async Task AdvancesAsync()
        {
            using var limit = new CancellationTokenSource(Limit);
            for (var (fresh, at) = (0, _last); fresh < 20; at = _last)
            {
                var waits = _client.Available == 0;
                var line = await _lines.ReadLineAsync(limit.Token);
                _last = long.Parse(line.ShouldNotBeNull(), CultureInfo.InvariantCulture);
                _last.ShouldBe(at + 1);
                fresh += waits ? 1 : 0;
            }
        }

        public void Dispose()
        {
            _lines.Dispose();
            _client.Dispose();
        }
    }
}
