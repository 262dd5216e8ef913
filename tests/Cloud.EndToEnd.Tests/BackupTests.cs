using System.Net;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>Backups, all services in one process.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LocalBackupTests(LocalCloud cloud) : BackupTests(cloud)
{
    [Fact]
    public Task Instance_WithItsVolume_IsRestoredFromEachPoint_AfterItIsGone() => InstanceIsRestoredAsync();
}

/// <summary>Backups, each service in a process of its own.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedBackupTests(DistributedCloud cloud) : BackupTests(cloud);

/// <summary>Backups of what a real guest writes.</summary>
public abstract class BackupTests(CloudUnderTest cloud)
{
    private const long Mebibyte = 1 << 20;

    [Fact]
    public async Task GuestsVolume_IsRestoredFromEachPoint_AfterAKill_AndAfterItIsGone()
    {
        var instance = (await cloud.CreateInstanceAsync("backed-up")).GetProperty("id").GetString()!;
        var volume = (await cloud.PostAsync("/v1/volumes?wait=60", new { name = "backed-up", sizeBytes = 64 * Mebibyte }))
            .GetProperty("id").GetString()!;
        var first = await WriteAsync(instance, volume, megabytes: 16);
        var plan = (await cloud.PostAsync("/v1/backup-plans", new { name = "kills", schedule = "0 3 * * *", resources = new[] { volume } }))
            .GetProperty("id").GetString()!;
        var one = await RunAsync(plan, kill: true);
        one.GetProperty("bytesRead").GetInt64().ShouldBeGreaterThanOrEqualTo(16 * Mebibyte);

        var second = await WriteAsync(instance, volume, megabytes: 1);
        second.ShouldNotBe(first);
        var two = await RunAsync(plan, kill: false);
        two.GetProperty("bytesRead").GetInt64().ShouldBeInRange(Mebibyte, 2 * Mebibyte);

        await cloud.DeleteVolumeAsync(volume);
        await RestoresAsync(one, instance, first);
        await RestoresAsync(two, instance, second);
        var point = await cloud.GetAsync($"/v1/recovery-points/{two.GetProperty("recoveryPoint").GetString()}");
        point.GetProperty("verified").GetProperty("result").GetString().ShouldBe("restorable", point.ToString());

        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/backup-plans/{plan}")).Status.ShouldBe(HttpStatusCode.NoContent);
        await cloud.DeleteInstanceAsync(instance);
    }

    protected async Task InstanceIsRestoredAsync()
    {
        var volume = (await cloud.PostAsync("/v1/volumes?wait=60", new { name = "of-whole", sizeBytes = 16 * Mebibyte }))
            .GetProperty("id").GetString()!;
        var labels = new Dictionary<string, string> { ["backed"] = "up" };
        var instance = (await cloud.CreateInstanceAsync("whole", with: new { volumes = new[] { volume }, labels }))
            .GetProperty("id").GetString()!;
        var plan = (await cloud.PostAsync(
            "/v1/backup-plans",
            new
            {
                name = "wholes",
                schedule = "0 3 * * *",
                resourceLabels = labels,
                verify = new { command = new[] { "/bin/sh", "-c", "test -s /noise" } },
            })).GetProperty("id").GetString()!;
        var first = await WriteNoiseAsync(instance);
        var one = await RunAsync(plan, kill: true);
        var second = await WriteNoiseAsync(instance);
        second.ShouldNotBe(first);
        var two = await RunAsync(plan, kill: false);
        two.GetProperty("bytesRead").GetInt64().ShouldBeLessThan(one.GetProperty("bytesRead").GetInt64() / 2);
        two.GetProperty("bytesRead").GetInt64().ShouldBeGreaterThanOrEqualTo(2 * Mebibyte);
        foreach (var job in new[] { one, two })
        {
            var point = await cloud.GetAsync($"/v1/recovery-points/{job.GetProperty("recoveryPoint").GetString()}");
            point.GetProperty("verified").GetProperty("result").GetString().ShouldBe("restorable", point.ToString());
        }

        await RestoresInPlaceAsync(one, instance, first, second);
        await cloud.DeleteInstanceAsync(instance);
        await DeleteFreedAsync(volume);
        await BootsAgainAsync(one, "whole-first", first);
        await BootsAgainAsync(two, "whole-second", second);
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/backup-plans/{plan}")).Status.ShouldBe(HttpStatusCode.NoContent);
    }

    private async Task RestoresInPlaceAsync(JsonElement backup, string instance, string then, string now)
    {
        var point = backup.GetProperty("recoveryPoint").GetString()!;
        var job = await cloud.PostAsync($"/v1/recovery-points/{point}/restore?wait=120", new { inPlace = true }, HttpStatusCode.OK);
        job.GetProperty("status").GetString().ShouldBe("succeeded", job.ToString());
        (await NoiseOfAsync(instance)).ShouldBe(then);
        await cloud.PostAsync($"/v1/recovery-points/{point}/undo-restore", null, HttpStatusCode.OK);
        (await NoiseOfAsync(instance)).ShouldBe(now);
    }

    /// <summary>Makes an instance of a job's recovery point, which has what was there then, and removes it.</summary>
    private async Task BootsAgainAsync(JsonElement backup, string name, string expected)
    {
        var point = backup.GetProperty("recoveryPoint").GetString()!;
        var job = await cloud.PostAsync($"/v1/recovery-points/{point}/restore?wait=120", new { name }, HttpStatusCode.OK);
        job.GetProperty("status").GetString().ShouldBe("succeeded", job.ToString());
        var instance = job.GetProperty("restored").GetString()!;
        var view = await cloud.GetAsync($"/v1/instances/{instance}");
        view.GetProperty("ready").GetBoolean().ShouldBeTrue(view.ToString());
        view.GetProperty("name").GetString().ShouldBe(name);
        (await NoiseOfAsync(instance)).ShouldBe(expected);
        await cloud.DeleteInstanceAsync(instance);
        await DeleteFreedAsync((await cloud.GetAsync($"/v1/volumes?name={name}-of-whole"))
            .GetProperty("items")[0].GetProperty("id").GetString()!);
    }

    /// <summary>Removes a volume whose instance was removed just now.</summary>
    private async Task DeleteFreedAsync(string volume)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while ((await cloud.GetAsync($"/v1/volumes/{volume}")).GetProperty("status").GetString() != "available")
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), limit.Token);
        }

        await cloud.DeleteVolumeAsync(volume);
    }

    /// <summary>Has the guest write a mebibyte each to its root disk and its volume; the checksum of both.</summary>
    private async Task<string> WriteNoiseAsync(string instance)
    {
        await cloud.ShellAsync(
            instance,
            "for f in /noise /dev/vdb; do dd if=/dev/urandom of=$f bs=1048576 count=1 2>/dev/null; done; sync");
        return await NoiseOfAsync(instance);
    }

    private async Task<string> NoiseOfAsync(string instance) =>
        (await cloud.ShellAsync(instance, "echo 3 > /proc/sys/vm/drop_caches; cat /noise /dev/vdb | sha256sum")).Trim();

    /// <summary>Runs the plan; its job, which has succeeded. It and what it starts have ended.</summary>
    private async Task<JsonElement> RunAsync(string plan, bool kill)
    {
        var jobs = await cloud.PostAsync($"/v1/backup-plans/{plan}/run", null, HttpStatusCode.Accepted);
        var id = jobs.GetProperty("items").EnumerateArray().Single().GetProperty("id").GetString();
        if (kill)
        {
            await cloud.KillAsync(cloud.Units.ContainsKey("cloud") ? "cloud" : "backup");
            await cloud.UpAsync();
        }

        var job = await cloud.GetAsync($"/v1/backup-jobs/{id}?wait=120");
        job.GetProperty("status").GetString().ShouldBe("succeeded", job.ToString());
        var others = await cloud.GetAsync($"/v1/backup-jobs?plan={plan}");
        foreach (var other in others.GetProperty("items").EnumerateArray())
        {
            var ended = await cloud.GetAsync($"/v1/backup-jobs/{other.GetProperty("id").GetString()}?wait=120");
            ended.GetProperty("status").GetString().ShouldBe("succeeded", ended.ToString());
        }

        return job;
    }

    /// <summary>Makes a volume of a job's recovery point, and has the guest read it.</summary>
    private async Task RestoresAsync(JsonElement backup, string instance, string expected)
    {
        var point = backup.GetProperty("recoveryPoint").GetString()!;
        var job = await cloud.PostAsync($"/v1/recovery-points/{point}/restore?wait=120", new { name = point }, HttpStatusCode.OK);
        job.GetProperty("status").GetString().ShouldBe("succeeded", job.ToString());
        var volume = job.GetProperty("restored").GetString()!;
        var serial = await AttachAsync(volume, instance);
        (await ChecksumAsync(instance, serial)).ShouldBe(expected);
        await cloud.PostAsync($"/v1/volumes/{volume}/detach?wait=60", null, HttpStatusCode.OK);
        await cloud.DeleteVolumeAsync(volume);
    }

    /// <summary>Has the guest write noise to the volume's start; the checksum of all of the volume.</summary>
    private async Task<string> WriteAsync(string instance, string volume, int megabytes)
    {
        var serial = await AttachAsync(volume, instance);
        await cloud.ShellAsync(
            instance, $"dd if=/dev/urandom of=/dev/$({DiskOf(serial)}) bs=1048576 count={megabytes} conv=fsync 2>/dev/null");
        var checksum = await ChecksumAsync(instance, serial);
        await cloud.PostAsync($"/v1/volumes/{volume}/detach?wait=60", null, HttpStatusCode.OK);
        return checksum;
    }

    private async Task<string> AttachAsync(string volume, string instance)
    {
        var attached = await cloud.PostAsync($"/v1/volumes/{volume}/attach?wait=60", new { instance }, HttpStatusCode.OK);
        var serial = attached.GetProperty("attachment").GetProperty("serial").GetString()!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while ((await cloud.ShellAsync(instance, DiskOf(serial))).Trim().Length == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), limit.Token);
        }

        return serial;
    }

    private async Task<string> ChecksumAsync(string instance, string serial) => (await cloud.ShellAsync(
        instance, $"echo 3 > /proc/sys/vm/drop_caches; sha256sum < /dev/$({DiskOf(serial)})")).Trim();

    /// <summary>For the guest's shell: the name of the disk of this serial, nothing while it has not noticed it.</summary>
    private static string DiskOf(string serial) =>
        $"for d in /sys/block/vd*; do [ \"$(cat $d/serial)\" = {serial} ] && basename $d; done; true";
}
