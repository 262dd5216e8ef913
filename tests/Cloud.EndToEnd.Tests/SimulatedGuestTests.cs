using System.Net;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>A guest that no QEMU runs: what it can do besides booting, over one boot.</summary>
[Collection(OnCloudOfSlowImages.Name)]
public sealed class SimulatedGuestTests(LocalCloud cloud)
{
    private const int Mebibyte = 1 << 20;

    private const string BeginCounting =
        "(i=0; while :; do i=$((i+1)); echo $i > /run/counter; sleep 0.1; done) > /dev/null 2>&1 < /dev/null &";

    /// <summary>A megabyte of numbers, by programs that must all be right for its checksum to be.</summary>
    private const string Workload =
        "seq 1 150000 | awk '{print $1 * 7 % 100003}' | sort -n > sorted; gzip -c sorted > packed; "
        + "gunzip -c packed | cmp - sorted && sha256sum < sorted";

    /// <summary>The same in a folder of the subshell's own, so that several run beside each other.</summary>
    private const string InAFolder = "cd $(mktemp -d); " + Workload;

    [Fact]
    public async Task SimulatedGuest_Works_TakesAVolume_IsSuspendedRestoredAndForked()
    {
        await cloud.ImageIsBuiltAsync("tiny-riscv64");
        var made = await cloud.PostAsync(
            "/v1/instances?wait=300", new { name = "simulated", image = "tiny-riscv64", engine = "simulation", type = "micro" });
        made.GetProperty("ready").GetBoolean().ShouldBeTrue(made.ToString());
        var id = made.GetProperty("id").GetString()!;
        (await cloud.ShellAsync(id, "cd /tmp; " + Workload)).ShouldStartWith(Expected());
        await TakesAVolumeAsync(id);

        await cloud.ShellAsync(id, BeginCounting + " echo first > /root/file; sync");
        var counted = await CounterAsync(id);
        await ActAsync(id, "suspend");
        GuestProcesses.Of(cloud.Data, id).ShouldBeEmpty();
        await ActAsync(id, "resume");
        await CountsOnAsync(id, counted);

        var snapshot = (await cloud.PostAsync($"/v1/instances/{id}/snapshot?wait=60", new { name = "simulated" }))
            .GetProperty("id").GetString();
        await cloud.ShellAsync(id, "echo second > /root/file; sync");
        await cloud.PostAsync($"/v1/instance-snapshots/{snapshot}/restore?wait=60", null, HttpStatusCode.OK);
        (await cloud.ShellAsync(id, "cat /root/file")).ShouldBe("first\n");
        await CountsOnAsync(id, counted);

        var forks = (await cloud.PostAsync($"/v1/instances/{id}/fork?wait=120", new { count = 2 })).GetProperty("items");
        foreach (var fork in forks.EnumerateArray())
        {
            fork.GetProperty("status").GetString().ShouldBe("running", fork.ToString());
            var forkId = fork.GetProperty("id").GetString()!;
            await CountsOnAsync(forkId, counted);
            (await cloud.ShellAsync(forkId, "cat /root/file; hostname")).ShouldBe($"first\n{fork.GetProperty("name").GetString()}\n");
            (await cloud.ShellAsync(forkId, "ping -c 1 -W 5 simulated > /dev/null && echo reached")).ShouldBe("reached\n");
            await cloud.DeleteInstanceAsync(forkId);
        }

        await cloud.SendAsync(HttpMethod.Delete, $"/v1/instance-snapshots/{snapshot}?wait=60");
        await cloud.DeleteInstanceAsync(id);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public async Task SimulatedGuest_OfSeveralHarts_ComputesOnAllOfThem(int harts)
    {
        await cloud.ImageIsBuiltAsync("tiny-riscv64");
        await cloud.PostAsync("/v1/instance-types", new { name = $"harts-{harts}", vcpus = harts, memoryBytes = "192Mi" });
        var made = await cloud.PostAsync(
            "/v1/instances?wait=300",
            new { name = $"of-{harts}-harts", image = "tiny-riscv64", engine = "simulation", type = $"harts-{harts}" });
        made.GetProperty("ready").GetBoolean().ShouldBeTrue(made.ToString());
        var id = made.GetProperty("id").GetString()!;
        (await cloud.ShellAsync(id, "grep -c ^hart /proc/cpuinfo")).ShouldBe($"{harts}\n");
        (await cloud.ShellAsync(id, $"for i in $(seq {harts}); do ({InAFolder}) > /tmp/sum$i & done; wait; cat /tmp/sum*"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[0])
            .ShouldBe(Enumerable.Repeat(Expected(), harts));
        (await cloud.ShellAsync(id, "wget -q -O - http://169.254.169.254/latest/meta-data/instance-id")).Trim().ShouldBe(id);
        var asked = await cloud.GetAsync($"/v1/instances/{id}/harts");
        asked.GetProperty("items").GetArrayLength().ShouldBe(harts, asked.ToString());
        await cloud.DeleteInstanceAsync(id);
    }

    private async Task TakesAVolumeAsync(string id)
    {
        var volume = (await cloud.PostAsync("/v1/volumes?wait=60", new { name = "of-simulated", sizeBytes = 64 * Mebibyte }))
            .GetProperty("id").GetString();
        string? written = null;
        for (var round = 0; round < 2; round++)
        {
            var attached = await cloud.PostAsync($"/v1/volumes/{volume}/attach?wait=60", new { instance = id }, HttpStatusCode.OK);
            attached.GetProperty("status").GetString().ShouldBe("attached", attached.ToString());
            var serial = attached.GetProperty("attachment").GetProperty("serial").GetString()!;
            var device = attached.GetProperty("attachment").GetProperty("device").GetString()!;

            // Its slots are looked at once a second: attached means that the guest has seen the disk.
            var disk = await DiskAsync(id, serial);
            (await cloud.ShellAsync(id, $"readlink -f {device}")).ShouldBe($"/dev/{disk}\n");
            (await cloud.ShellAsync(id, $"cat /sys/block/{disk}/size")).ShouldBe($"{64 * Mebibyte / 512}\n");
            if (written is null)
            {
                await cloud.ShellAsync(id, $"dd if=/dev/urandom of=/dev/{disk} bs=1048576 count=4 conv=fsync 2>/dev/null");
            }

            var read = await cloud.ShellAsync(
                id, $"echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/{disk} bs=1048576 count=4 2>/dev/null | sha256sum");
            (written ??= read).ShouldBe(read);
            var detached = await cloud.PostAsync($"/v1/volumes/{volume}/detach?wait=60", null, HttpStatusCode.OK);
            detached.GetProperty("status").GetString().ShouldBe("available", detached.ToString());
            (await DiskAsync(id, serial)).ShouldBe("");
        }

        await cloud.DeleteVolumeAsync(volume!);
    }

    private async Task<string> DiskAsync(string id, string serial) => (await cloud.ShellAsync(
        id, $"for d in /sys/block/vd*; do [ \"$(cat $d/serial)\" = {serial} ] && basename $d; done; true")).Trim();

    /// <summary>The workload's checksum, by this program.</summary>
    private static string Expected()
    {
        var lines = Enumerable.Range(1, 150_000).Select(number => (long)number * 7 % 100_003).Order();
        var text = string.Concat(lines.Select(line => $"{line}\n"));
        return Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(text)));
    }

    private Task<JsonElement> ActAsync(string id, string verb) =>
        cloud.PostAsync($"/v1/instances/{id}/{verb}?wait=120", null, HttpStatusCode.OK);

    private async Task<int> CounterAsync(string id)
    {
        var number = 0;
        await UntilAsync(async () => int.TryParse((await cloud.ShellAsync(id, "cat /run/counter")).Trim(), out number));
        return number;
    }

    /// <summary>The counter is past what it was, and grows.</summary>
    private async Task CountsOnAsync(string id, int before)
    {
        var first = await CounterAsync(id);
        first.ShouldBeGreaterThanOrEqualTo(before);
        await UntilAsync(async () => await CounterAsync(id) > first);
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!await holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), limit.Token);
        }
    }
}
