using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>Volumes under kills, all services in one process; and what need not be seen of many processes too.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LocalVolumeFaultTests(LocalCloud cloud, ITestOutputHelper output) : VolumeFaultTests(cloud, output)
{
    private const long Mebibyte = 1 << 20;
    private const int Parts = 5;

    [Fact]
    public async Task DiskOfTheHost_ThatFillsWhileAGuestWrites_StopsTheGuest_UntilThereIsRoom_AndLosesNothing()
    {
        var instance = (await Cloud.CreateInstanceAsync("volume-full")).GetProperty("id").GetString()!;
        var files = Path.Combine(Cloud.Data, "host", "volumes", "files");
        await RunAsync("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", files);
        try
        {
            var volume = await CreateAsync("full", 64 * Mebibyte);
            var disk = await AttachAsync(volume, instance);
            await Cloud.ShellAsync(instance, "dd if=/dev/urandom of=/tmp/part bs=1048576 count=6 2>/dev/null");
            var part = (await Cloud.ShellAsync(instance, "sha256sum < /tmp/part")).Trim();
            await Cloud.ShellAsync(
                instance,
                $"(for i in $(seq 0 {Parts - 1}); do dd if=/tmp/part of=/dev/{disk} bs=1048576 seek=$((i*6)) conv=notrunc,fsync; done; "
                + "touch /tmp/done) > /dev/null 2>&1 < /dev/null &");
            await UntilAsync(
                async () => ReasonOf(await Cloud.GetAsync($"/v1/instances/{instance}"))?.Contains("full", StringComparison.Ordinal) == true,
                "the guest stands still");
            (await Cloud.GetAsync($"/v1/instances/{instance}")).GetProperty("status").GetString().ShouldBe("running");

            await RunAsync("mount", "-o", "remount,size=256m", files);
            await UntilAsync(async () => ReasonOf(await Cloud.GetAsync($"/v1/instances/{instance}")) is null, "the guest goes on");
            await UntilAsync(async () => (await Cloud.ShellAsync(instance, "ls /tmp/done")).Trim() == "/tmp/done", "all is written");
            for (var at = 0; at < Parts; at++)
            {
                (await Cloud.ShellAsync(
                    instance,
                    $"echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/{disk} bs=1048576 skip={at * 6} count=6 2>/dev/null | sha256sum"))
                    .Trim().ShouldBe(part);
            }

            await DetachAsync(volume);
            await Cloud.DeleteVolumeAsync(volume);
        }
        finally
        {
            await RunAsync("umount", "-l", files);
        }

        await Cloud.DeleteInstanceAsync(instance);
    }

    [Fact]
    public async Task Content_AsQcow2_GoesOutAndIn_AndBecomesAnImage()
    {
        const long SizeBytes = 64 * Mebibyte;
        var volume = await CreateAsync("exchange", SizeBytes);
        using (var put = new HttpRequestMessage(HttpMethod.Put, $"/v1/volumes/{volume}/content"))
        {
            put.Content = new ByteArrayContent(RandomNumberGenerator.GetBytes((int)(4 * Mebibyte)));
            put.Content.Headers.ContentRange = new ContentRangeHeaderValue(40 * Mebibyte, (44 * Mebibyte) - 1);
            using var answer = await Cloud.Http.SendAsync(put);
            answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        }

        var file = await Cloud.Http.GetByteArrayAsync($"/v1/volumes/{volume}/content?format=qcow2");
        var copy = (await Cloud.PostAsync("/v1/volumes?wait=60", new { name = "exchanged", sizeBytes = SizeBytes, encrypted = true }))
            .GetProperty("id").GetString()!;
        var half = file.Length / 2;
        foreach (var (from, to) in new[] { (0, half), (half, file.Length) })
        {
            using var put = new HttpRequestMessage(HttpMethod.Put, $"/v1/volumes/{copy}/content?format=qcow2")
            {
                Content = new ByteArrayContent(file, from, to - from),
            };
            put.Content.Headers.ContentRange = new ContentRangeHeaderValue(from, to - 1, file.Length);
            using var answer = await Cloud.Http.SendAsync(put);
            var expected = to == file.Length ? HttpStatusCode.OK : HttpStatusCode.Accepted;
            answer.StatusCode.ShouldBe(expected, await answer.Content.ReadAsStringAsync());
        }

        var digest = await DigestAsync(volume);
        (await DigestAsync(copy)).ShouldBe(digest);
        var image = (await Cloud.PostAsync($"/v1/volumes/{copy}/to-image", new { name = "exchanged" }, HttpStatusCode.Accepted))
            .GetProperty("id").GetString()!;
        await UntilAsync(
            async () => (await Cloud.GetAsync($"/v1/images/{image}")).GetProperty("status").GetString() == "active", "the image is there");
        var again = (await Cloud.PostAsync("/v1/volumes?wait=60", new { name = "exchanged-again", image = "exchanged" }))
            .GetProperty("id").GetString()!;
        (await DigestAsync(again)).ShouldBe(digest);
        (await Cloud.GetAsync($"/v1/volumes/{again}/metrics")).GetProperty("layers").GetInt32().ShouldBe(2);
        foreach (var one in new[] { volume, copy, again })
        {
            await Cloud.DeleteVolumeAsync(one);
        }

        (await Cloud.SendAsync(HttpMethod.Delete, $"/v1/images/{image}")).Status.ShouldBe(HttpStatusCode.NoContent);
    }

    private async Task<string> DigestAsync(string volume)
    {
        using var get = new HttpRequestMessage(HttpMethod.Get, $"/v1/volumes/{volume}/content");
        get.Headers.Add("Want-Repr-Digest", "sha-256=9");
        using var answer = await Cloud.Http.SendAsync(get, HttpCompletionOption.ResponseHeadersRead);
        return answer.Headers.GetValues("Repr-Digest").Single();
    }

    private static string? ReasonOf(JsonElement resource) => resource.GetProperty("statusReason").GetString();
}

/// <summary>Volumes under kills, each service in a process of its own.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedVolumeFaultTests(DistributedCloud cloud, ITestOutputHelper output) : VolumeFaultTests(cloud, output);

/// <summary>
/// Kills block storage, compute or the agent while a volume is attached (to two instances at once), detached, snapshotted, merged, cloned,
/// grown and deleted: within a minute nothing is under way any more, one instance at most has the volume, and the bytes are those that were
/// written. <c>CLOUD_TEST_ROUNDS</c> says how many rounds, <c>CLOUD_TEST_SEED</c> replays one.
/// </summary>
public abstract class VolumeFaultTests(CloudUnderTest cloud, ITestOutputHelper output)
{
    /// <summary>In each round another; what they are in a random order.</summary>
    private static readonly string[] Operations = ["attach", "detach", "snapshot", "merge", "clone", "resize", "delete"];

    private const int RoundsDefault = 1;
    private const long SizeBytes = 16 << 20;
    private const int SnapshotsMax = 10;
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(60);
    private static readonly string[] Settled = ["available", "attached"];

    protected CloudUnderTest Cloud => cloud;

    [Fact]
    public async Task KillsAtRandomMoments_LeaveNothingStuck_LostOrAttachedTwice()
    {
        var seed = ReadNumber("CLOUD_TEST_SEED") ?? Environment.TickCount;
        var rounds = ReadNumber("CLOUD_TEST_ROUNDS") ?? RoundsDefault;
        output.WriteLine($"CLOUD_TEST_SEED={seed} CLOUD_TEST_ROUNDS={rounds}");
        var chance = new Random(seed);
        var instances = await Task.WhenAll(new[] { "volume-kills-1", "volume-kills-2" }.Select(
            async name => (await cloud.CreateInstanceAsync(name)).GetProperty("id").GetString()!));
        var volume = await CreateAsync("kills", SizeBytes);
        var disk = await AttachAsync(volume, instances[0]);
        await cloud.ShellAsync(instances[0], $"dd if=/dev/urandom of=/dev/{disk} bs=1048576 count=8 conv=fsync 2>/dev/null");
        var written = await ChecksumAsync(instances[0], disk);
        var order = Operations.ToArray();
        for (var round = 1; round <= rounds; round++)
        {
            if (round % order.Length == 1)
            {
                chance.Shuffle(order);
            }

            await RunAsync(round, order[(round - 1) % order.Length], chance, volume, instances);
            await RequireOneHolderAsync(round, volume, instances, written);
            await HostDisks.RequireWholeAsync(cloud.Data);
        }

        if (await HolderOfAsync(volume) is not null)
        {
            await DetachAsync(volume);
        }

        await HostDisks.RequireWholeAsync(cloud.Data);
        foreach (var path in await ListAsync())
        {
            await DeleteAsync(path);
        }

        var folder = Path.Combine(cloud.Data, "host", "volumes");
        await UntilAsync(
            () => Task.FromResult(!Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Any()), "no file is left");
        foreach (var instance in instances)
        {
            await cloud.DeleteInstanceAsync(instance);
        }
    }

    protected async Task<string> CreateAsync(string name, long sizeBytes)
    {
        var made = await cloud.PostAsync("/v1/volumes?wait=60", new { name, sizeBytes });
        made.GetProperty("status").GetString().ShouldBe("available", made.ToString());
        return made.GetProperty("id").GetString()!;
    }

    /// <summary>The disk's name in the guest.</summary>
    protected async Task<string> AttachAsync(string volume, string instance)
    {
        var attached = await cloud.PostAsync($"/v1/volumes/{volume}/attach?wait=60", new { instance }, HttpStatusCode.OK);
        attached.GetProperty("status").GetString().ShouldBe("attached", attached.ToString());
        return await DiskAsync(instance, volume);
    }

    protected async Task DetachAsync(string volume)
    {
        var detached = await cloud.PostAsync($"/v1/volumes/{volume}/detach?wait=60", null, HttpStatusCode.OK);
        detached.GetProperty("status").GetString().ShouldBe("available", detached.ToString());
    }

    protected async Task DeleteAsync(string path) =>
        (await cloud.SendAsync(HttpMethod.Delete, $"{path}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent, path);

    protected static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, $"{program} {string.Join(' ', arguments)}");
    }

    protected static async Task UntilAsync(Func<Task<bool>> holds, string what)
    {
        using var limit = new CancellationTokenSource(SettleLimit);
        while (!await holds())
        {
            limit.IsCancellationRequested.ShouldBeFalse(what);
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    private async Task RunAsync(int round, string operation, Random chance, string volume, string[] instances)
    {
        var holder = await HolderOfAsync(volume);
        if (operation == "attach" && holder is not null)
        {
            await DetachAsync(volume);
        }
        else if (operation != "attach" && holder is null)
        {
            await AttachAsync(volume, instances[chance.Next(instances.Length)]);
        }

        // A snapshot between two others goes, and its file is merged while the rest of the round runs.
        var snapshots = await ListAsync("snapshots");
        for (var number = snapshots.Count; number < 3 || (operation == "merge" && number <= SnapshotsMax / 2); number++)
        {
            await cloud.PostAsync("/v1/snapshots?wait=60", new { name = $"kills-{round}-{number}", volume });
        }

        var copy = operation == "delete" ? (await MakeCopyAsync($"kills-{round}-goes", volume)).GetProperty("id").GetString() : null;
        snapshots = await ListAsync("snapshots");
        List<(HttpMethod Method, string Path, object? Body)> calls = operation switch
        {
            "attach" => instances.Select(
                instance => (HttpMethod.Post, $"/v1/volumes/{volume}/attach", (object?)new { instance })).ToList(),
            "detach" => [(HttpMethod.Post, $"/v1/volumes/{volume}/detach", null)],
            "snapshot" => [(HttpMethod.Post, "/v1/snapshots", new { name = $"kills-{round}-x", volume })],
            "merge" => snapshots.Skip(1).SkipLast(1).Select(path => (HttpMethod.Delete, path, (object?)null)).ToList(),
            "clone" => [(HttpMethod.Post, "/v1/volumes", new { name = $"kills-{round}-copy", volume })],
            "resize" => [(HttpMethod.Post, $"/v1/volumes/{volume}/resize", new { sizeBytes = SizeBytes + (round << 20) })],
            _ => [(HttpMethod.Delete, $"/v1/volumes/{copy}", null)],
        };
        string[] units = cloud.Units.ContainsKey("cloud") ? ["cloud"] : ["block-storage", "compute", "host"];
        var unit = units[chance.Next(units.Length)];
        var moment = TimeSpan.FromMilliseconds(chance.Next(400));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"round {round}: {operation}, kill -9 {unit} after {moment.TotalMilliseconds} ms"));
        var sent = calls.Select(call => SendAsync(call.Method, call.Path, call.Body)).ToList();
        await Task.Delay(moment);
        await cloud.KillAsync(unit);
        await Task.WhenAll(sent);
        await cloud.UpAsync();
        await UntilAsync(async () => (await ListAsync(settled: false)).Count == 0, $"round {round}: all is settled");
        foreach (var other in (await ListAsync("volumes")).Where(path => path != $"/v1/volumes/{volume}"))
        {
            await DeleteAsync(other);
        }

        snapshots = await ListAsync("snapshots");
        for (; snapshots.Count > SnapshotsMax; snapshots = await ListAsync("snapshots"))
        {
            await DeleteAsync(snapshots[chance.Next(snapshots.Count)]);
        }
    }

    /// <summary>The instance that has the volume by its row is the one whose guest sees it, with what was written.</summary>
    private async Task RequireOneHolderAsync(int round, string volume, string[] instances, string written)
    {
        var holder = await HolderOfAsync(volume);
        foreach (var instance in instances)
        {
            await cloud.GetAsync($"/v1/instances/{instance}?wait=60");
            if (instance == holder)
            {
                (await ChecksumAsync(instance, await DiskAsync(instance, volume))).ShouldBe(written, $"round {round}");
            }
            else
            {
                (await cloud.ShellAsync(instance, "ls /sys/block | grep -c vdb; true")).Trim()
                    .ShouldBe("0", $"round {round}: {instance} has the volume of {holder ?? "none"}");
            }
        }
    }

    /// <summary>Whether it is answered does not matter, only what the cloud makes of it.</summary>
    private async Task SendAsync(HttpMethod method, string path, object? body)
    {
        try
        {
            await cloud.SendAsync(method, path, body);
        }
        catch (Exception lost) when (lost is HttpRequestException or JsonException or IOException)
        {
            // The process that was to answer is the one that was killed.
        }
    }

    /// <summary>The volumes and snapshots that are settled, or are not.</summary>
    private async Task<IReadOnlyList<string>> ListAsync(bool settled = true) =>
        [.. await ListAsync("volumes", settled), .. await ListAsync("snapshots", settled)];

    private async Task<IReadOnlyList<string>> ListAsync(string noun, bool settled = true) =>
        (await cloud.GetAsync($"/v1/{noun}")).GetProperty("items").EnumerateArray()
        .Where(one => Settled.Contains(one.GetProperty("status").GetString()) == settled)
        .Select(one => $"/v1/{noun}/{one.GetProperty("id").GetString()}").ToList();

    private Task<JsonElement> MakeCopyAsync(string name, string volume) => cloud.PostAsync("/v1/volumes?wait=60", new { name, volume });

    private async Task<string?> HolderOfAsync(string volume) =>
        (await cloud.GetAsync($"/v1/volumes/{volume}")).GetProperty("attachment") is { ValueKind: JsonValueKind.Object } attachment
            ? attachment.GetProperty("instance").GetString()
            : null;

    private async Task<string> DiskAsync(string instance, string volume)
    {
        var serial = (await cloud.GetAsync($"/v1/volumes/{volume}")).GetProperty("attachment").GetProperty("serial").GetString();
        var look = $"for d in /sys/block/vd*; do [ \"$(cat $d/serial)\" = {serial} ] && basename $d; done; true";
        var disk = "";
        await UntilAsync(async () => (disk = (await cloud.ShellAsync(instance, look)).Trim()).Length > 0, "the guest sees the disk");
        return disk;
    }

    protected async Task<string> ChecksumAsync(string instance, string disk) => (await cloud.ShellAsync(
        instance, $"echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/{disk} bs=1048576 count=8 2>/dev/null | sha256sum")).Trim();

    private static int? ReadNumber(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;
}
