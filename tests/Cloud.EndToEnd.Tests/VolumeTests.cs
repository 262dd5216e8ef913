using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>Volumes, all services in one process.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LocalVolumeTests(LocalCloud cloud) : VolumeTests(cloud)
{
    [Fact]
    public async Task Limits_OfATypeAndOfAVolume_AreKept()
    {
        // What a second allows, and the share of it that QEMU lets pass at once after a rest.
        const double TypeBytes = 40 * Mebibyte, Operations = 20, AtOnce = 0.5;
        const int ReadMebibytes = 96, Reads = 60;
        var instance = await InstanceAsync("volume-limits");
        var free = await DiskOfNewAsync("limits-none", instance, new { });
        var bulk = await DiskOfNewAsync("limits-bulk", instance, new { type = "bulk" });
        var slow = await DiskOfNewAsync("limits-slow", instance, new { operationsPerSecond = Operations });
        string InOrder(string disk) => $"dd if=/dev/{disk} of=/dev/null bs=1048576 count={ReadMebibytes} 2>/dev/null";
        string Apart(string disk) => $"for i in $(seq {Reads}); do dd if=/dev/{disk} of=/dev/null bs=4096 skip=$((i*300)) count=1; done";

        var (bytes, operations) = (await SecondsAsync(instance, InOrder(bulk)), await SecondsAsync(instance, Apart(slow)));
        bytes.ShouldBeGreaterThan((ReadMebibytes * Mebibyte / TypeBytes) - AtOnce);
        operations.ShouldBeGreaterThan((Reads / Operations) - AtOnce);
        (await SecondsAsync(instance, InOrder(free))).ShouldBeLessThan(bytes);
        (await SecondsAsync(instance, Apart(free))).ShouldBeLessThan(operations);
        await Cloud.DeleteInstanceAsync(instance);
        foreach (var volume in (await Cloud.GetAsync("/v1/volumes")).GetProperty("items").EnumerateArray()
            .Where(one => one.GetProperty("name").GetString()!.StartsWith("limits-", StringComparison.Ordinal)))
        {
            await UntilStatusAsync(volume.GetProperty("id").GetString()!, "available");
            await DeleteAsync(volume.GetProperty("id").GetString()!);
        }
    }

    [Fact]
    public async Task Snapshots_OfSeveralVolumes_AreOfOneInstant()
    {
        var instance = await InstanceAsync("volume-instant");
        var (first, second) = (await DiskOfNewAsync("instant-1", instance, new { }), await DiskOfNewAsync("instant-2", instance, new { }));
        var volumes = (await Cloud.GetAsync("/v1/volumes")).GetProperty("items").EnumerateArray()
            .Where(one => one.GetProperty("name").GetString()!.StartsWith("instant-", StringComparison.Ordinal))
            .OrderBy(one => one.GetProperty("name").GetString()).Select(one => one.GetProperty("id").GetString()!).ToList();

        // The second disk never has a number that the first did not have before.
        var write = $"for d in {first} {second}; do echo $i | dd of=/dev/$d conv=notrunc,fsync; done";
        await Cloud.ShellAsync(
            instance, $"i=1000; {write} 2> /dev/null; (while :; do i=$((i+1)); {write}; done) > /dev/null 2>&1 < /dev/null &");
        var numbers = new List<int>();
        for (var time = 0; time < 5; time++)
        {
            var taken = await Cloud.PostAsync("/v1/snapshots?wait=60", new { name = $"instant-{time}", volumes });
            var read = new List<int>();
            foreach (var snapshot in taken.GetProperty("items").EnumerateArray().Select(one => one.GetProperty("id").GetString()))
            {
                using var get = new HttpRequestMessage(HttpMethod.Get, $"/v1/snapshots/{snapshot}/content");
                get.Headers.Range = new RangeHeaderValue(0, 3);
                using var answer = await Cloud.Http.SendAsync(get);
                read.Add(int.Parse(await answer.Content.ReadAsStringAsync(), CultureInfo.InvariantCulture));
                (await Cloud.SendAsync(HttpMethod.Delete, $"/v1/snapshots/{snapshot}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);
            }

            (read[0] - read[1]).ShouldBeInRange(0, 1, string.Join(" and ", read));
            numbers.Add(read[1]);
        }

        numbers[^1].ShouldBeGreaterThan(numbers[0], "the guest writes all the while");
        await Cloud.DeleteInstanceAsync(instance);
        foreach (var volume in volumes)
        {
            await UntilStatusAsync(volume, "available");
            await DeleteAsync(volume);
        }
    }

    /// <summary>The name in the guest of a new volume.</summary>
    private async Task<string> DiskOfNewAsync(string name, string instance, object limits)
    {
        var request = JsonSerializer.SerializeToNode(limits)!.AsObject();
        (request["name"], request["sizeBytes"]) = (name, 128 * Mebibyte);
        var volume = (await Cloud.PostAsync("/v1/volumes?wait=60", request)).GetProperty("id").GetString()!;
        return await DiskAsync(instance, SerialOf(await AttachAsync(volume, instance)));
    }

    /// <summary>How long a script takes by the guest's clock.</summary>
    private async Task<double> SecondsAsync(string instance, string script)
    {
        var said = await Cloud.ShellAsync(
            instance,
            $"echo 3 > /proc/sys/vm/drop_caches; read a b < /proc/uptime; ({script}) 2>/dev/null; read c d < /proc/uptime; echo $a $c");
        var moments = said.Split(' ').Select(word => double.Parse(word, CultureInfo.InvariantCulture)).ToArray();
        return moments[1] - moments[0];
    }
}

/// <summary>Volumes, each service in a process of its own.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedVolumeTests(DistributedCloud cloud) : VolumeTests(cloud);

/// <summary>Volumes that real guests read and write.</summary>
public abstract class VolumeTests(CloudUnderTest cloud)
{
    protected const long Mebibyte = 1 << 20;

    protected CloudUnderTest Cloud => cloud;

    [Fact]
    public async Task Volume_MovedToAnotherInstance_HoldsTheSameBytes()
    {
        var first = await InstanceAsync("volume-from");
        var second = await InstanceAsync("volume-to");
        var volume = await CreateAsync("moved");

        var attached = await AttachAsync(volume, first);
        var attachment = attached.GetProperty("attachment");
        attachment.GetProperty("instance").GetString().ShouldBe(first);
        var serial = attachment.GetProperty("serial").GetString()!;
        var device = attachment.GetProperty("device").GetString()!;
        (await cloud.ShellAsync(first, $"ls {device}")).ShouldBe($"{device}\n");
        var written = await WriteAsync(first, serial);
        (await cloud.ShellAsync(first, $"readlink -f {device}")).Trim().ShouldBe($"/dev/{await DiskAsync(first, serial)}");
        await DetachAsync(volume);
        (await LookAsync(first, serial)).ShouldBe("");
        (await cloud.ShellAsync(first, $"until [ ! -L {device} ]; do usleep 50000; done")).ShouldBe("");

        await AttachAsync(volume, second);
        (await ChecksumAsync(second, serial)).ShouldBe(written);

        await DetachAsync(volume);
        await DeleteAsync(volume);
        Directory.Exists(Path.Combine(cloud.Data, "host", "volumes", volume)).ShouldBeFalse();
        await cloud.DeleteInstanceAsync(first);
        await cloud.DeleteInstanceAsync(second);
    }

    [Fact]
    public async Task AttachedVolume_IsThereAfterStopAndStart_AndAfterTheAgentWasKilled()
    {
        var instance = await InstanceAsync("volume-kept");
        var volume = await CreateAsync("kept");
        var serial = SerialOf(await AttachAsync(volume, instance));
        var written = await WriteAsync(instance, serial);

        await cloud.PostAsync($"/v1/instances/{instance}/stop?wait=60", null, HttpStatusCode.OK);
        await cloud.PostAsync($"/v1/instances/{instance}/start?wait=120", null, HttpStatusCode.OK);
        (await ChecksumAsync(instance, serial)).ShouldBe(written);

        await cloud.KillAsync(cloud.Units.ContainsKey("cloud") ? "cloud" : "host");
        await cloud.UpAsync();
        await cloud.GetAsync($"/v1/instances/{instance}?wait=60");
        (await ChecksumAsync(instance, serial)).ShouldBe(written);
        await DetachAsync(volume);
        await DeleteAsync(volume);
        await cloud.DeleteInstanceAsync(instance);
    }

    [Fact]
    public async Task Instance_CreatedWithVolumes_HasThemAtItsFirstBoot_InTheirOrder()
    {
        var (first, second) = (await CreateAsync("boots-first"), await CreateAsync("boots-second"));
        var volumes = new object[] { "boots-second", new { volume = first, deleteOnTermination = true } };
        var instance = (await cloud.CreateInstanceAsync("volume-boots", with: new { volumes })).GetProperty("id").GetString()!;
        foreach (var (volume, disk) in new[] { (second, "vdb"), (first, "vdc") })
        {
            var row = await cloud.GetAsync($"/v1/volumes/{volume}");
            row.GetProperty("status").GetString().ShouldBe("attached", row.ToString());
            (await LookAsync(instance, SerialOf(row))).ShouldBe(disk);
        }

        var taken = await cloud.SendAsync(
            HttpMethod.Post, "/v1/instances", new { name = "volume-late", image = "tiny", volumes = new[] { second } });
        taken.Status.ShouldBe(HttpStatusCode.Conflict);
        await cloud.DeleteInstanceAsync(instance);
        await UntilStatusAsync(second, "available");
        await UntilStatusAsync(first, null);
        await DeleteAsync(second);
    }

    [Fact]
    public async Task Snapshots_OfARunningGuest_AreDownloaded_AndUploadedByTheirChangesAlone()
    {
        var instance = await InstanceAsync("volume-content");
        var volume = await CreateAsync("content");
        var serial = SerialOf(await AttachAsync(volume, instance));
        await WriteAsync(instance, serial);
        var first = await SnapshotAsync(volume, "content-1");
        var disk = await DiskAsync(instance, serial);
        await cloud.ShellAsync(instance, $"dd if=/dev/urandom of=/dev/{disk} bs=65536 seek=100 count=3 conv=notrunc,fsync 2>/dev/null");
        var written = await ChecksumAsync(instance, serial);
        var second = await SnapshotAsync(volume, "content-2");

        (await ExtentsAsync($"/v1/snapshots/{second}/changes?since={first}")).ShouldBe([(100 * 65536, 3 * 65536)]);
        var copy = await CreateAsync("content-copy");
        await CopyAsync(first, copy, await ExtentsAsync($"/v1/snapshots/{first}/changes"));
        await CopyAsync(second, copy, await ExtentsAsync($"/v1/snapshots/{second}/changes?since={first}"));

        await DetachAsync(volume);
        (await ChecksumAsync(instance, SerialOf(await AttachAsync(copy, instance)))).ShouldBe(written);
        await DetachAsync(copy);
        await DeleteSnapshotAsync(first);
        await DeleteSnapshotAsync(second);
        await DeleteAsync(copy);
        await DeleteAsync(volume);
        await cloud.DeleteInstanceAsync(instance);
    }

    [Fact]
    public async Task Resize_WhileAttached_IsSeenByTheGuest()
    {
        var instance = await InstanceAsync("volume-grows");
        var volume = await CreateAsync("grows");
        var serial = SerialOf(await AttachAsync(volume, instance));
        var disk = await DiskAsync(instance, serial);
        (await cloud.ShellAsync(instance, $"cat /sys/block/{disk}/size")).Trim().ShouldBe($"{64 * Mebibyte / 512}");

        await cloud.PostAsync($"/v1/volumes/{volume}/resize?wait=60", new { sizeBytes = 96 * Mebibyte }, HttpStatusCode.OK);

        (await cloud.ShellAsync(instance, $"cat /sys/block/{disk}/size")).Trim().ShouldBe($"{96 * Mebibyte / 512}");
        var shrunk = await cloud.SendAsync(HttpMethod.Post, $"/v1/volumes/{volume}/resize", new { sizeBytes = 64 * Mebibyte });
        shrunk.Status.ShouldBe(HttpStatusCode.BadRequest);
        await DetachAsync(volume);
        await DeleteAsync(volume);
        await cloud.DeleteInstanceAsync(instance);
    }

    [Fact]
    public async Task ReadOnlyVolume_CannotBeWritten()
    {
        var instance = await InstanceAsync("volume-reads");
        var volume = await CreateAsync("reads");
        var serial = SerialOf(await AttachAsync(volume, instance, new { instance, readOnly = true }));

        var disk = await DiskAsync(instance, serial);

        (await cloud.ShellAsync(instance, $"cat /sys/block/{disk}/ro")).Trim().ShouldBe("1");
        (await cloud.ShellAsync(instance, $"dd if=/dev/zero of=/dev/{disk} bs=4096 count=1 conv=fsync 2>&1")).ShouldContain("[exit ");
        await DetachAsync(volume);
        await DeleteAsync(volume);
        await cloud.DeleteInstanceAsync(instance);
    }

    [Fact]
    public async Task Attach_ByTwoAtOnce_IsWonByOne()
    {
        var first = await InstanceAsync("volume-racer-1");
        var second = await InstanceAsync("volume-racer-2");
        var volume = await CreateAsync("raced");

        var answers = await Task.WhenAll(new[] { first, second }.Select(
            instance => cloud.SendAsync(HttpMethod.Post, $"/v1/volumes/{volume}/attach", new { instance })));

        answers.Select(answer => answer.Status).Order().ShouldBe([HttpStatusCode.Accepted, HttpStatusCode.Conflict]);
        var refused = answers.Single(answer => answer.Status == HttpStatusCode.Conflict).Body!.Value;
        refused.GetProperty("code").GetString().ShouldBe("volume-in-use");
        var settled = await cloud.GetAsync($"/v1/volumes/{volume}?wait=60");
        settled.GetProperty("status").GetString().ShouldBe("attached");
        var held = await cloud.SendAsync(HttpMethod.Delete, $"/v1/volumes/{volume}");
        held.Status.ShouldBe(HttpStatusCode.Conflict);
        var holder = settled.GetProperty("attachment").GetProperty("instance").GetString();
        held.Body!.Value.GetProperty("instance").GetString().ShouldBe(holder);
        await cloud.DeleteInstanceAsync(first);
        await cloud.DeleteInstanceAsync(second);
        await UntilStatusAsync(volume, "available");
        await DeleteAsync(volume);
    }

    [Fact]
    public async Task DeletedInstance_LeavesItsVolumes_OrTakesThoseThatGoWithIt()
    {
        var instance = await InstanceAsync("volume-owner");
        var stays = await CreateAsync("stays");
        var goes = await CreateAsync("goes");
        await AttachAsync(stays, instance);
        await AttachAsync(goes, instance, new { instance, deleteOnTermination = true });

        await cloud.DeleteInstanceAsync(instance);

        await UntilStatusAsync(stays, "available");
        await UntilStatusAsync(goes, null);
        Directory.Exists(Path.Combine(cloud.Data, "host", "volumes", goes)).ShouldBeFalse();
        await DeleteAsync(stays);
    }

    [Fact]
    public async Task Snapshot_OfAnAttachedVolume_IsRestoredAndUndone_AndMakesAnother()
    {
        var instance = await InstanceAsync("volume-snapshots");
        var volume = await CreateAsync("snapshotted");
        var serial = SerialOf(await AttachAsync(volume, instance));
        var first = await WriteAsync(instance, serial);
        var taken = await cloud.PostAsync("/v1/snapshots?wait=60", new { name = "first", volume });
        taken.GetProperty("status").GetString().ShouldBe("available", taken.ToString());
        taken.GetProperty("fileSystemsFrozen").GetBoolean().ShouldBeTrue("the guest's agent answers");
        var snapshot = taken.GetProperty("id").GetString()!;
        var second = await WriteAsync(instance, serial);
        second.ShouldNotBe(first);
        var held = await cloud.SendAsync(HttpMethod.Post, $"/v1/volumes/{volume}/restore", new { snapshot });
        held.Status.ShouldBe(HttpStatusCode.Conflict);
        await DetachAsync(volume);

        var restored = await cloud.PostAsync($"/v1/volumes/{volume}/restore?wait=60", new { snapshot }, HttpStatusCode.OK);
        restored.GetProperty("status").GetString().ShouldBe("available", restored.ToString());
        await AttachAsync(volume, instance);
        (await ChecksumAsync(instance, serial)).ShouldBe(first);
        await DetachAsync(volume);

        var safety = (await cloud.GetAsync("/v1/snapshots")).GetProperty("items").EnumerateArray()
            .Single(one => one.GetProperty("name").GetString()!.StartsWith("before-restore-", StringComparison.Ordinal))
            .GetProperty("id").GetString()!;
        await cloud.PostAsync($"/v1/volumes/{volume}/restore?wait=60", new { snapshot = safety }, HttpStatusCode.OK);
        await AttachAsync(volume, instance);
        (await ChecksumAsync(instance, serial)).ShouldBe(second);

        var copy = (await cloud.PostAsync("/v1/volumes?wait=60", new { name = "copy", snapshot })).GetProperty("id").GetString()!;
        await DeleteSnapshotAsync(snapshot);
        var copied = SerialOf(await AttachAsync(copy, instance));
        (await ChecksumAsync(instance, copied)).ShouldBe(first);
        (await ChecksumAsync(instance, serial)).ShouldBe(second);
        await DetachAsync(copy);
        await DetachAsync(volume);
        foreach (var one in (await cloud.GetAsync("/v1/snapshots")).GetProperty("items").EnumerateArray())
        {
            await DeleteSnapshotAsync(one.GetProperty("id").GetString()!);
        }

        await DeleteAsync(copy);
        await DeleteAsync(volume);
        await cloud.DeleteInstanceAsync(instance);
    }

    [Fact]
    public async Task Snapshots_OfAnAttachedVolume_AreMergedUnderTheGuest_AlsoWhenTheAgentIsKilledMeanwhile()
    {
        const int Snapshots = 16;
        var instance = await InstanceAsync("volume-merged");
        var volume = await CreateAsync("merged", encrypted: true);
        var serial = SerialOf(await AttachAsync(volume, instance));
        var disk = await DiskAsync(instance, serial);
        await WriteAsync(instance, serial);
        var snapshots = new List<string>();
        for (var number = 0; number < Snapshots; number++)
        {
            await cloud.ShellAsync(
                instance, $"dd if=/dev/urandom of=/dev/{disk} bs=65536 seek={number * 16} count=2 conv=notrunc,fsync 2>/dev/null");
            snapshots.Add(await SnapshotAsync(volume, $"merged-{number}"));
        }

        var written = await ChecksumAsync(instance, serial);
        (await ExtentsAsync($"/v1/snapshots/{snapshots[^1]}/changes?since={snapshots[3]}"))
            .ShouldBe(Enumerable.Range(4, Snapshots - 4).Select(number => (number * 16 * 65536L, 2 * 65536L)));
        foreach (var snapshot in snapshots.SkipLast(1))
        {
            await DeleteSnapshotAsync(snapshot);
        }

        await cloud.KillAsync(cloud.Units.ContainsKey("cloud") ? "cloud" : "host");
        await cloud.UpAsync();
        await cloud.GetAsync($"/v1/instances/{instance}?wait=60");
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (FilesOf(volume) > 2)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), limit.Token);
        }

        (await ChecksumAsync(instance, serial)).ShouldBe(written);
        await cloud.PostAsync($"/v1/instances/{instance}/stop?wait=60", null, HttpStatusCode.OK);
        await cloud.PostAsync($"/v1/instances/{instance}/start?wait=120", null, HttpStatusCode.OK);
        (await ChecksumAsync(instance, serial)).ShouldBe(written);
        await DetachAsync(volume);
        await DeleteSnapshotAsync(snapshots[^1]);
        await DeleteAsync(volume);
        await cloud.DeleteInstanceAsync(instance);
    }

    /// <summary>Of how many files the volume is made on its host.</summary>
    private int FilesOf(string volume)
    {
        using var record = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(cloud.Data, "host", "volumes", "volumes", $"{volume}.json")));
        return record.RootElement.GetProperty("Layers").GetArrayLength();
    }

    private async Task<string> SnapshotAsync(string volume, string name)
    {
        var taken = await cloud.PostAsync("/v1/snapshots?wait=60", new { name, volume });
        taken.GetProperty("status").GetString().ShouldBe("available", taken.ToString());
        return taken.GetProperty("id").GetString()!;
    }

    private async Task<List<(long Offset, long LengthBytes)>> ExtentsAsync(string path) =>
        (await cloud.GetAsync(path)).GetProperty("items").EnumerateArray()
        .Select(one => (one.GetProperty("offset").GetInt64(), one.GetProperty("lengthBytes").GetInt64())).ToList();

    /// <summary>Parts of a snapshot to where they were, in a volume.</summary>
    private async Task CopyAsync(string snapshot, string volume, IReadOnlyList<(long Offset, long LengthBytes)> extents)
    {
        extents.ShouldNotBeEmpty();
        foreach (var (offset, length) in extents)
        {
            using var get = new HttpRequestMessage(HttpMethod.Get, $"/v1/snapshots/{snapshot}/content");
            get.Headers.Range = new RangeHeaderValue(offset, offset + length - 1);
            using var part = await cloud.Http.SendAsync(get, HttpCompletionOption.ResponseHeadersRead);
            part.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
            using var put = new HttpRequestMessage(HttpMethod.Put, $"/v1/volumes/{volume}/content")
            {
                Content = new StreamContent(await part.Content.ReadAsStreamAsync()),
            };
            put.Content.Headers.ContentRange = new ContentRangeHeaderValue(offset, offset + length - 1);
            using var answer = await cloud.Http.SendAsync(put);
            answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        }
    }

    private async Task DeleteSnapshotAsync(string snapshot) => (await cloud.SendAsync(
        HttpMethod.Delete, $"/v1/snapshots/{snapshot}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);

    protected static string SerialOf(JsonElement volume) => volume.GetProperty("attachment").GetProperty("serial").GetString()!;

    protected async Task<string> InstanceAsync(string name) => (await cloud.CreateInstanceAsync(name)).GetProperty("id").GetString()!;

    private async Task<string> CreateAsync(string name, bool encrypted = false)
    {
        var made = await cloud.PostAsync("/v1/volumes?wait=60", new { name, sizeBytes = 64 * Mebibyte, encrypted });
        made.GetProperty("status").GetString().ShouldBe("available", made.ToString());
        return made.GetProperty("id").GetString()!;
    }

    protected async Task<JsonElement> AttachAsync(string volume, string instance, object? body = null)
    {
        var attached = await cloud.PostAsync($"/v1/volumes/{volume}/attach?wait=60", body ?? new { instance }, HttpStatusCode.OK);
        attached.GetProperty("status").GetString().ShouldBe("attached", attached.ToString());
        return attached;
    }

    private async Task DetachAsync(string volume)
    {
        var detached = await cloud.PostAsync($"/v1/volumes/{volume}/detach?wait=60", null, HttpStatusCode.OK);
        detached.GetProperty("status").GetString().ShouldBe("available", detached.ToString());
        detached.GetProperty("attachment").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    protected Task DeleteAsync(string volume) => cloud.DeleteVolumeAsync(volume);

    /// <summary>The name of the disk of this serial in the guest, which takes a moment to notice a new one.</summary>
    protected async Task<string> DiskAsync(string instance, string serial)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (true)
        {
            if (await LookAsync(instance, serial) is { Length: > 0 } disk)
            {
                return disk;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), limit.Token);
        }
    }

    /// <summary>The same, empty where there is none now.</summary>
    private async Task<string> LookAsync(string instance, string serial) => (await cloud.ShellAsync(
        instance, $"for d in /sys/block/vd*; do [ \"$(cat $d/serial)\" = {serial} ] && basename $d; done; true")).Trim();

    /// <summary>Fills the first 16 MiB with noise, through to the host; their checksum.</summary>
    private async Task<string> WriteAsync(string instance, string serial)
    {
        var disk = await DiskAsync(instance, serial);
        (await cloud.ShellAsync(instance, $"dd if=/dev/urandom of=/dev/{disk} bs=1048576 count=16 conv=fsync 2>/dev/null")).ShouldBe("");
        return await ChecksumAsync(instance, serial);
    }

    private async Task<string> ChecksumAsync(string instance, string serial)
    {
        var disk = await DiskAsync(instance, serial);
        return (await cloud.ShellAsync(
            instance, $"echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/{disk} bs=1048576 count=16 2>/dev/null | sha256sum")).Trim();
    }

    protected async Task UntilStatusAsync(string volume, string? status)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (true)
        {
            var (code, body) = await cloud.SendAsync(HttpMethod.Get, $"/v1/volumes/{volume}");
            if (status is null ? code == HttpStatusCode.NotFound : body!.Value.GetProperty("status").GetString() == status)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), limit.Token);
        }
    }
}
