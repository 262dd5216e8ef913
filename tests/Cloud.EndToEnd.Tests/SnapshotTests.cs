using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// What a real guest is, kept and gone on from: a counter in its memory tells whether it did. <c>CLOUD_TEST_ROUNDS</c> says how often it is
/// tried with agents and services that die, <c>CLOUD_TEST_SEED</c> replays when.
/// </summary>
[Collection(OnDistributedCloud.Name)]
public sealed class SnapshotTests(DistributedCloud cloud, ITestOutputHelper output)
{
    private const int KillDelayMax = 500;

    private static readonly int Rounds = int.Parse(
        Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "1", CultureInfo.InvariantCulture);

    private readonly int _seed = int.TryParse(
        Environment.GetEnvironmentVariable("CLOUD_TEST_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Environment.TickCount;


    private const string PublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIARpdbxs+gSfvATp/ZU7PxFn74EyRblLsduFNKko+Cbq";

    private const string BeginCounting =
        "(i=0; while :; do i=$((i+1)); echo $i > /run/counter; sleep 0.1; done) > /dev/null 2>&1 < /dev/null &";

    /// <summary>What no two machines may share, a line each; the last is the first that the random generator gives.</summary>
    private const string Identity =
        "head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \\n'; echo; cat /etc/machine-id; echo; cat /sys/class/net/eth0/address "
        + "/etc/hostname; echo; hostname; ip -4 -o address show eth0 | tr -s ' ' | cut -d ' ' -f 4; "
        + "dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key 2>/dev/null | grep -i fingerprint || echo no-host-key";

    [Fact]
    public async Task SuspendAndResume_GoOnWhereItWas_AlsoOverTheAgentsDeath()
    {
        var id = await CreateAsync("sleeper");
        var agent = cloud.Units.ContainsKey("cloud") ? "cloud" : "host";
        await cloud.ShellAsync(id, BeginCounting);
        for (var round = 0; round < 2; round++)
        {
            var before = await CounterAsync(id);
            (await ActAsync(id, "suspend")).GetProperty("status").GetString().ShouldBe("suspended");
            GuestProcesses.Of(cloud.Data, id).ShouldBeEmpty();
            var refused = await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/suspend");
            refused.Status.ShouldBe(HttpStatusCode.Conflict);
            if (round == 0)
            {
                await cloud.KillAsync(agent);
                await cloud.UpAsync();
            }

            (await ActAsync(id, "resume")).GetProperty("status").GetString().ShouldBe("running");
            await CountsOnAsync(id, before);
        }

        // A clock that stood still would be behind.
        var off = long.Parse(await cloud.ShellAsync(id, "date +%s"), null) - TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        Math.Abs(off).ShouldBeLessThan(5);

        // Suspended, and then not wanted any more.
        await ActAsync(id, "suspend");
        (await ActAsync(id, "stop")).GetProperty("status").GetString().ShouldBe("stopped");
        (await ActAsync(id, "start")).GetProperty("ready").GetBoolean().ShouldBeTrue();
        (await cloud.ShellAsync(id, "cat /run/counter")).ShouldContain("[exit ");
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task Snapshot_KeepsMemoryAndDiskOfOneInstant_AndIsRestored()
    {
        var id = await CreateAsync("restored");
        await cloud.ShellAsync(id, BeginCounting + " echo first > /root/file; sync");
        var counted = await CounterAsync(id);
        var snapshot = await SnapshotAsync(id, "first");
        await CountsOnAsync(id, counted);
        await cloud.ShellAsync(id, "echo second > /root/file; echo more > /root/other; sync");
        await SnapshotAsync(id, "second");

        for (var round = 0; round < 2; round++)
        {
            await cloud.ShellAsync(id, "echo third > /root/file; sync");
            var restored = await cloud.PostAsync($"/v1/instance-snapshots/{snapshot}/restore?wait=60", null, HttpStatusCode.OK);
            restored.GetProperty("status").GetString().ShouldBe("running", restored.ToString());
            (await cloud.ShellAsync(id, "cat /root/file; ls /root/other 2>/dev/null")).ShouldStartWith("first\n[exit");
            await CountsOnAsync(id, counted);
        }

        // From the disk alone as well; and a snapshot outlives what came after it.
        await ActAsync(id, "stop");
        await ActAsync(id, "start");
        (await cloud.ShellAsync(id, "cat /root/file")).ShouldBe("first\n");
        await cloud.PostAsync($"/v1/instance-snapshots/{snapshot}/restore?wait=60", null, HttpStatusCode.OK);
        await CountsOnAsync(id, counted);

        await HostDisks.RequireWholeAsync(cloud.Data);
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/instance-snapshots/{snapshot}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await cloud.SendAsync(HttpMethod.Post, $"/v1/instance-snapshots/{snapshot}/restore")).Status.ShouldBe(HttpStatusCode.NotFound);
        await CountsOnAsync(id, counted);
        await cloud.DeleteInstanceAsync(id);
        await UntilAsync(async () => (await cloud.GetAsync("/v1/instance-snapshots")).GetProperty("items").GetArrayLength() == 0);
        await UntilAsync(() => Task.FromResult(LayersLeft().Length == 0));
    }

    /// <summary>Memory, root disk and volumes are of one instant: what the guest counted in each fits together.</summary>
    [Fact]
    public async Task Snapshot_OfAGuestWithVolumes_TakesThemIn_AndRestoresAll()
    {
        var volumes = new List<string>();
        foreach (var name in new[] { "kept-a", "kept-b" })
        {
            var made = await cloud.PostAsync("/v1/volumes?wait=60", new { name, sizeBytes = "64Mi" });
            volumes.Add(made.GetProperty("id").GetString()!);
        }

        var id = (await cloud.CreateInstanceAsync("with-volumes", with: new { volumes })).GetProperty("id").GetString()!;
        string Write(string word) => $"for disk in vdb vdc; do echo {word} | dd of=/dev/$disk conv=fsync 2>/dev/null; done;";
        const string Read = "echo 3 > /proc/sys/vm/drop_caches; for disk in vdb vdc; do head -n 1 /dev/$disk; done";
        await cloud.ShellAsync(id, BeginCounting + Write("first"));
        var counted = await CounterAsync(id);
        var snapshot = await SnapshotAsync(id, "with-volumes");
        await CountsOnAsync(id, counted);
        await cloud.ShellAsync(id, Write("second"));
        for (var round = 0; round < 2; round++)
        {
            var restored = await cloud.PostAsync($"/v1/instance-snapshots/{snapshot}/restore?wait=60", null, HttpStatusCode.OK);
            restored.GetProperty("status").GetString().ShouldBe("running", restored.ToString());
            (await cloud.ShellAsync(id, Read)).ShouldBe("first\nfirst\n");
            await CountsOnAsync(id, counted);
            await cloud.ShellAsync(id, Write("third"));
        }

        // A copy would share the volumes: there is none. Without one of them there is no way back.
        (await cloud.PostAsync($"/v1/instances/{id}/fork?wait=60", new { count = 1 }, HttpStatusCode.Conflict))
            .GetProperty("code").GetString().ShouldBe("has-volumes");
        (await cloud.GetAsync("/v1/instances?name=with-volumes-1")).GetProperty("items").GetArrayLength().ShouldBe(0);
        await cloud.PostAsync($"/v1/volumes/{volumes[1]}/detach?wait=60", null, HttpStatusCode.OK);
        var refused = await cloud.PostAsync($"/v1/instance-snapshots/{snapshot}/restore?wait=60", null, HttpStatusCode.OK);
        refused.GetProperty("status").GetString().ShouldBe("running");
        refused.GetProperty("statusReason").GetString()!.ShouldContain("other volumes");
        (await cloud.ShellAsync(id, "head -n 1 /dev/vdb")).ShouldBe("third\n");
        await cloud.DeleteInstanceAsync(id);
        foreach (var volume in volumes)
        {
            // Let go of by what tells that the instance is gone, which comes a moment after its answer.
            await UntilAsync(async () =>
                (await cloud.GetAsync($"/v1/volumes/{volume}")).GetProperty("status").GetString() == "available");
            await cloud.DeleteVolumeAsync(volume);
        }
    }

    [Fact]
    public async Task RootDisk_SnapshottedOften_IsMergedUnderTheGuest_AndAnySnapshotInTheMiddleCanGo()
    {
        const int Snapshots = 4;
        var others = LayersLeft();
        var id = await CreateAsync("merged");
        var snapshots = new List<string>();
        for (var number = 0; number < Snapshots; number++)
        {
            await cloud.ShellAsync(id, $"head -c 300000 /dev/urandom > /root/part-{number}; sync");
            snapshots.Add(await SnapshotAsync(id, $"merged-{number}"));
        }

        var written = await ChecksumsAsync(id);
        Layers().Length.ShouldBe(Snapshots + 1);
        foreach (var snapshot in snapshots.SkipLast(1))
        {
            (await cloud.SendAsync(HttpMethod.Delete, $"/v1/instance-snapshots/{snapshot}?wait=60")).Status
                .ShouldBe(HttpStatusCode.NoContent);
        }

        await UntilAsync(() => Task.FromResult(Layers().Length == 2));
        DisksOpenIn(id).ShouldBe(Layers(), ignoreOrder: true);
        (await ChecksumsAsync(id)).ShouldBe(written);
        await ActAsync(id, "stop");
        await ActAsync(id, "start");
        (await ChecksumsAsync(id)).ShouldBe(written);

        await cloud.ShellAsync(id, "rm /root/part-*; sync");
        await cloud.PostAsync($"/v1/instance-snapshots/{snapshots[^1]}/restore?wait=60", null, HttpStatusCode.OK);
        (await ChecksumsAsync(id)).ShouldBe(written);
        await HostDisks.RequireWholeAsync(cloud.Data);
        await cloud.DeleteInstanceAsync(id);
        await UntilAsync(() => Task.FromResult(Layers().Length == 0));

        // What others have left is merged in its own time.
        string[] Layers() => [.. LayersLeft().Except(others)];
    }

    [Fact]
    public async Task Fork_MakesMachinesThatShareNoSecret_AndLeavesTheParentAlone()
    {
        const int Count = 10;
        var id = await CreateAsync("parent");
        await cloud.ShellAsync(id, BeginCounting + " echo of-the-parent > /root/file; sync");
        await cloud.ShellAsync(
            id,
            "dropbearkey -t ed25519 -f /etc/dropbear/dropbear_ed25519_host_key > /dev/null 2>&1; "
            + "head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' > /etc/machine-id; sync");
        var counted = await CounterAsync(id);
        var parentIdentity = await cloud.ShellAsync(id, Identity);

        // Ten share what their memory was; one alone has it for itself.
        var made = new[]
        {
            await cloud.PostAsync($"/v1/instances/{id}/fork?wait=120", new { count = Count }),
            await cloud.PostAsync($"/v1/instances/{id}/fork?wait=120"),
        };

        var forks = made.SelectMany(one => one.GetProperty("items").EnumerateArray()).ToList();
        forks.Count.ShouldBe(Count + 1);
        var identities = new List<string[]> { parentIdentity.Split('\n', StringSplitOptions.RemoveEmptyEntries) };
        foreach (var fork in forks)
        {
            fork.GetProperty("status").GetString().ShouldBe("running", fork.ToString());
            var forkId = fork.GetProperty("id").GetString()!;
            await CountsOnAsync(forkId, counted);
            var identity = (await cloud.ShellAsync(forkId, Identity)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            identity.ShouldContain(fork.GetProperty("name").GetString()!);
            identity.ShouldContain(line => line.StartsWith(fork.GetProperty("address").GetString() + "/", StringComparison.Ordinal));
            identities.Add(identity);
            (await cloud.ShellAsync(forkId, "cat /root/file; echo of-a-fork > /root/file; sync")).ShouldBe("of-the-parent\n");
        }

        for (var line = 0; line < identities[0].Length - 1; line++)
        {
            identities.Select(identity => identity[line]).Distinct().Count().ShouldBe(identities.Count, identities[0][line]);
        }

        var parentKey = identities[0].Last();
        parentKey.ShouldNotBe("no-host-key");
        identities.Skip(1).ShouldAllBe(identity => identity.Last() != parentKey);
        await CountsOnAsync(id, counted);
        (await cloud.ShellAsync(id, "cat /root/file")).ShouldBe("of-the-parent\n");

        // The client that asks for a lease comes later, and takes nothing away meanwhile.
        (await cloud.ShellAsync(
            forks[^1].GetProperty("id").GetString()!,
            "until pidof udhcpc > /dev/null; do sleep 0.1; done; ip -4 -o addr show eth0; ip route show default"))
            .ShouldMatch($"{forks[^1].GetProperty("address").GetString()}/20(.|\n)*default via 10.80.0.2");

        // They reach each other, and outlive their parent; one boots by itself.
        var (first, second) = (forks[0].GetProperty("id").GetString()!, forks[1].GetProperty("name").GetString());
        (await cloud.ShellAsync(first, $"ping -c 1 -W 5 {second} > /dev/null && echo reached")).ShouldBe("reached\n");
        await cloud.DeleteInstanceAsync(id);
        await ActAsync(first, "stop");
        (await ActAsync(first, "start")).GetProperty("ready").GetBoolean().ShouldBeTrue();
        (await cloud.ShellAsync(first, "cat /root/file")).ShouldBe("of-a-fork\n");
        await HostDisks.RequireWholeAsync(cloud.Data);
        foreach (var fork in forks)
        {
            await cloud.DeleteInstanceAsync(fork.GetProperty("id").GetString()!);
        }
    }

    /// <summary>Each is as if it had booted: its own identity, keys and user data; and its next boot is one of its own.</summary>
    [Fact]
    public async Task WarmImage_InstancesGoOnFromOneBoot_EachAsAtItsFirst()
    {
        await cloud.PostAsync("/v1/key-pairs", new { name = "warm", publicKey = PublicKey });
        var states = await cloud.PostAsync("/v1/images/tiny/warm?wait=180", null, HttpStatusCode.OK);
        states.GetProperty("items")[0].GetProperty("status").GetString().ShouldBe("active", states.ToString());
        var identities = new List<string[]>();
        var ids = new List<string>();
        foreach (var name in new[] { "warm-one", "warm-two" })
        {
            // Longer than what the first boot's seed had, so that nothing of that can be what is read.
            var userData = $"#!/bin/sh\n# {new string('x', 100_000)}\necho user data of $(hostname); date +%s > /root/began; exit 0\n";
            var made = await cloud.CreateInstanceAsync(name, userData, new { keyPair = "warm" });
            made.GetProperty("warm").GetBoolean().ShouldBeTrue(made.ToString());
            made.GetProperty("ready").GetBoolean().ShouldBeTrue(made.ToString());
            var id = made.GetProperty("id").GetString()!;
            ids.Add(id);
            (await cloud.Http.GetStringAsync($"/v1/instances/{id}/console")).ShouldContain($"user data of {name}");
            (await cloud.ShellAsync(id, "cat /root/.ssh/authorized_keys")).Trim().ShouldBe(PublicKey);
            var began = long.Parse(await cloud.ShellAsync(id, "cat /root/began"), null);
            Math.Abs(began - TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()).ShouldBeLessThan(60);
            var identity = (await cloud.ShellAsync(id, Identity)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            identity.ShouldContain(name);
            identity.ShouldContain(line => line.StartsWith(made.GetProperty("address").GetString() + "/", StringComparison.Ordinal));
            identities.Add(identity);
        }

        // Neither has host keys before it is first called, nor an id that systemd would make.
        identities[0].Intersect(identities[1]).Where(line => line != "no-host-key" && !line.StartsWith("cat:", StringComparison.Ordinal))
            .ShouldBeEmpty();

        await ActAsync(ids[0], "stop");
        (await ActAsync(ids[0], "start")).GetProperty("ready").GetBoolean().ShouldBeTrue();
        var console = await cloud.Http.GetStringAsync($"/v1/instances/{ids[0]}/console");
        console.Split("user data of warm-one").Length.ShouldBe(2);

        // Whoever dies meanwhile: it is made of the same, once, or boots.
        foreach (var unit in cloud.Units.ContainsKey("cloud") ? (string[])["cloud"] : ["compute", "host"])
        {
            var body = new { name = $"warm-{unit}", image = "tiny", userData = "#!/bin/sh\necho once >> /root/began" };
            var made = IdOf(await CrashAsync(unit, "/v1/instances", body, KillDelayMax / 2));
            await SettledAsync(made, "running");
            (await cloud.ShellAsync(made, "cat /root/began; hostname")).ShouldBe($"once\nwarm-{unit}\n");
            ids.Add(made);
        }

        (await cloud.SendAsync(HttpMethod.Delete, "/v1/images/tiny/warm")).Status.ShouldBe(HttpStatusCode.NoContent);
        foreach (var id in ids)
        {
            await cloud.DeleteInstanceAsync(id);
        }

        await UntilAsync(() => Task.FromResult(LayersLeft().Length == 0));
    }

    [Fact]
    public async Task KilledInTheMiddleOfEachVerb_Settles()
    {
        var id = await CreateAsync("crasher");
        await cloud.ShellAsync(id, BeginCounting);
        var counted = await CounterAsync(id);
        var chance = new Random(_seed);
        output.WriteLine($"CLOUD_TEST_SEED={_seed} CLOUD_TEST_ROUNDS={Rounds}");
        string[] units = cloud.Units.ContainsKey("cloud") ? ["cloud"] : ["compute", "host"];
        foreach (var (unit, round) in Enumerable.Range(0, Rounds).SelectMany(round => units.Select(unit => (unit, round))))
        {
            Task<JsonElement> CrashAsync(string one, string path, object? body) =>
                this.CrashAsync(one, path, body, round == 0 ? 0 : chance.Next(KillDelayMax));
            await CrashAsync(unit, $"/v1/instances/{id}/suspend", null);
            await SettledAsync(id, "suspended");
            await CrashAsync(unit, $"/v1/instances/{id}/resume", null);
            await SettledAsync(id, "running");
            await CountsOnAsync(id, counted);

            var snapshot = (await CrashAsync(unit, $"/v1/instances/{id}/snapshot", new { name = $"crash-{unit}-{round}" }))
                .GetProperty("id").GetString()!;
            await UntilAsync(async () => (await cloud.GetAsync($"/v1/instance-snapshots/{snapshot}?wait=60"))
                .GetProperty("status").GetString() == "available");
            await CountsOnAsync(id, counted);
            await CrashAsync(unit, $"/v1/instance-snapshots/{snapshot}/restore", null);
            await SettledAsync(id, "running");
            await CountsOnAsync(id, counted);

            var forks = (await CrashAsync(unit, $"/v1/instances/{id}/fork", new { count = 2 })).GetProperty("items").EnumerateArray()
                .Select(fork => fork.GetProperty("id").GetString()!).ToList();
            foreach (var fork in forks)
            {
                await SettledAsync(fork, "running");
                await CountsOnAsync(fork, counted);
                await cloud.DeleteInstanceAsync(fork);
            }
        }

        await HostDisks.RequireWholeAsync(cloud.Data);
        await cloud.DeleteInstanceAsync(id);
    }

    private async Task<JsonElement> CrashAsync(string unit, string path, object? body, int delayMilliseconds)
    {
        var (status, answer) = await cloud.SendAsync(HttpMethod.Post, path, body);
        ((int)status).ShouldBeInRange(200, 299, answer?.ToString());
        await Task.Delay(TimeSpan.FromMilliseconds(delayMilliseconds));
        await cloud.KillAsync(unit);
        await cloud.UpAsync();
        return answer!.Value;
    }

    private async Task SettledAsync(string id, string status)
    {
        var settled = await cloud.GetAsync($"/v1/instances/{id}?wait=120");
        settled.GetProperty("status").GetString().ShouldBe(status, settled.ToString());
    }

    private async Task<string> CreateAsync(string name) => (await cloud.CreateInstanceAsync(name)).GetProperty("id").GetString()!;

    private async Task<string> SnapshotAsync(string id, string name)
    {
        var taken = await cloud.PostAsync($"/v1/instances/{id}/snapshot?wait=60", new { name });
        taken.GetProperty("status").GetString().ShouldBe("available", taken.ToString());
        return taken.GetProperty("id").GetString()!;
    }

    private static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;

    private Task<JsonElement> ActAsync(string id, string verb) =>
        cloud.PostAsync($"/v1/instances/{id}/{verb}?wait=120", null, HttpStatusCode.OK);

    private async Task<int> CounterAsync(string id)
    {
        var text = "";
        await UntilAsync(async () =>
        {
            try
            {
                return int.TryParse(text = (await cloud.ShellAsync(id, "cat /run/counter")).Trim(), out _);
            }
            catch (ShouldAssertException) when (cloud.Units.ContainsKey("host"))
            {
                // A host that was killed a moment ago is not reached yet.
                return false;
            }
        });
        return int.Parse(text, null);
    }

    /// <summary>The counter is past what it was, and grows.</summary>
    private async Task CountsOnAsync(string id, int before)
    {
        var first = await CounterAsync(id);
        first.ShouldBeGreaterThanOrEqualTo(before);
        await UntilAsync(async () => await CounterAsync(id) > first);
    }

    private Task<string> ChecksumsAsync(string id) => cloud.ShellAsync(id, "echo 3 > /proc/sys/vm/drop_caches; sha256sum /root/part-*");

    /// <summary>The files of its root disk, but for the image's, that the machine has open.</summary>
    private IEnumerable<string> DisksOpenIn(string id) => GuestProcesses.Of(cloud.Data, id)
        .SelectMany(process => Directory.EnumerateFiles($"/proc/{process.Id}/fd")).Select(path => new FileInfo(path).LinkTarget ?? "")
        .Where(path => path.StartsWith(cloud.Data, StringComparison.Ordinal) && path.Contains(".qcow2", StringComparison.Ordinal))
        .Distinct();

    private string[] LayersLeft() => Directory.GetFiles(Path.Combine(cloud.Data, "host", "snapshots", "layers"));

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!await holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), limit.Token);
        }
    }
}
