using System.Net;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>An instance through its whole life, on the real machine.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LifecycleTests(LocalCloud cloud)
{
    private const string BootId = "cat /proc/sys/kernel/random/boot_id";

    [Fact]
    public async Task StopAndStart_KeepTheDisk_AndBootAnew()
    {
        var id = await CreateAsync("cycle");
        var before = await cloud.ShellAsync(id, BootId);
        await cloud.ShellAsync(id, "echo kept > /root/file && sync");

        var stopped = await ActAsync(id, "stop");
        stopped.GetProperty("status").GetString().ShouldBe("stopped");
        stopped.GetProperty("ready").GetBoolean().ShouldBeFalse();

        var started = await ActAsync(id, "start");
        started.GetProperty("status").GetString().ShouldBe("running");
        started.GetProperty("ready").GetBoolean().ShouldBeTrue();
        (await cloud.ShellAsync(id, "cat /root/file")).ShouldBe("kept\n");
        (await cloud.ShellAsync(id, BootId)).ShouldNotBe(before);
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task Reboot_BootsAnew_OnTheSameDisk()
    {
        var id = await CreateAsync("rebooter");
        var before = await cloud.ShellAsync(id, BootId + "; echo kept > /root/file; sync");

        (await ActAsync(id, "reboot")).GetProperty("ready").GetBoolean().ShouldBeTrue();

        (await cloud.ShellAsync(id, BootId)).ShouldNotBe(before);
        (await cloud.ShellAsync(id, "cat /root/file")).ShouldBe("kept\n");
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task PauseAndResume_KeepTheMemory()
    {
        var id = await CreateAsync("pauser");
        var boot = await cloud.ShellAsync(id, BootId + "; echo in-memory > /dev/shm/mark 2>/dev/null || echo in-memory > /tmp/mark");

        (await ActAsync(id, "pause")).GetProperty("status").GetString().ShouldBe("paused");
        var cpu = await CpuSecondsAsync(id);
        await Task.Delay(TimeSpan.FromSeconds(2));
        (await CpuSecondsAsync(id) - cpu).ShouldBeLessThan(1, "a paused guest computes nothing");
        (await ActAsync(id, "resume")).GetProperty("status").GetString().ShouldBe("running");

        (await cloud.ShellAsync(id, BootId)).ShouldBe(boot);
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task Resize_GivesAStoppedInstanceMoreMemory()
    {
        var id = await CreateAsync("grower");
        var before = await MemoryKibAsync(id);
        await ActAsync(id, "stop");

        (await cloud.PostAsync($"/v1/instances/{id}/resize?wait=60", new { type = "small" }, HttpStatusCode.OK))
            .GetProperty("status").GetString().ShouldBe("stopped");
        await ActAsync(id, "start");

        (await MemoryKibAsync(id)).ShouldBeGreaterThan(3 * before);
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task PowerOffInside_TurnsTheInstanceToStopped_AndDeathToFailedAndBack()
    {
        var id = await CreateAsync("mortal", with: new { restartPolicy = "never" });
        await cloud.ShellAsync(id, "(sleep 1; poweroff) > /dev/null 2>&1 &");
        await UntilAsync(id, "stopped");

        await ActAsync(id, "start");
        KillGuest(id);
        var failed = await UntilAsync(id, "failed");
        failed.GetProperty("statusReason").GetString()!.ShouldNotBeEmpty();

        (await ActAsync(id, "start")).GetProperty("ready").GetBoolean().ShouldBeTrue();
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task Death_WithRestartPolicyOnFailure_BootsAgain()
    {
        var id = await CreateAsync("phoenix", with: new { restartPolicy = "on-failure" });
        var before = await cloud.ShellAsync(id, BootId);
        KillGuest(id);
        await Task.Delay(TimeSpan.FromSeconds(3));
        await UntilAsync(id, "running");
        (await cloud.GetAsync($"/v1/instances/{id}?wait=120")).GetProperty("ready").GetBoolean().ShouldBeTrue();
        (await cloud.ShellAsync(id, BootId)).ShouldNotBe(before);
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task DeletionProtection_RefusesDelete_UntilItIsTakenOff()
    {
        var id = await CreateAsync("guarded", with: new { deletionProtection = true });
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/instances/{id}")).Status.ShouldBe(HttpStatusCode.Conflict);
        (await cloud.SendAsync(HttpMethod.Patch, $"/v1/instances/{id}", new { deletionProtection = false }))
            .Status.ShouldBe(HttpStatusCode.OK);
        await cloud.DeleteInstanceAsync(id);
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/instances/{id}")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await cloud.SendAsync(HttpMethod.Get, $"/v1/instances/{id}")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Names_AreUniqueInAProject_AndFreeAgainAfterDelete()
    {
        var id = await CreateAsync("unique");
        var (status, problem) = await cloud.SendAsync(HttpMethod.Post, "/v1/instances", new { name = "unique", image = "tiny" });
        status.ShouldBe(HttpStatusCode.Conflict);
        problem!.Value.GetProperty("code").GetString().ShouldBe("name-taken");
        await cloud.DeleteInstanceAsync(id);
        await cloud.DeleteInstanceAsync(await CreateAsync("unique"));
    }

    [Fact]
    public async Task HardwareByName_IsRefusedWithTheProbesReason_WhereItDoesNotWork()
    {
        var engines = await cloud.GetAsync("/v1/engines");
        var hardware = engines.GetProperty("items").EnumerateArray().Single(engine => engine.GetProperty("name").GetString() == "hardware");
        var host = hardware.GetProperty("hosts").EnumerateArray().First(on => on.GetProperty("architecture").GetString() == "x86_64");
        var (status, body) = await cloud.SendAsync(
            HttpMethod.Post, "/v1/instances?wait=180", new { name = "hard", image = "tiny", engine = "hardware" });
        if (host.GetProperty("works").GetBoolean())
        {
            status.ShouldBe(HttpStatusCode.Created);
            await cloud.DeleteInstanceAsync(body!.Value.GetProperty("id").GetString()!);
            return;
        }

        status.ShouldBe(HttpStatusCode.Conflict);
        body!.Value.GetProperty("code").GetString().ShouldBe("no-capacity");
        body.Value.GetProperty("detail").GetString()!.ShouldContain(host.GetProperty("reason").GetString()!);
    }

    [Fact]
    public async Task Engines_TellWhatTheHostFoundThemToBe()
    {
        const int Problems = 7;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            var engines = (await cloud.GetAsync("/v1/engines")).GetProperty("items").EnumerateArray().ToDictionary(
                engine => engine.GetProperty("name").GetString()!,
                engine => engine.GetProperty("hosts").EnumerateArray().OrderBy(on => on.GetProperty("architecture").GetString()).Last());
            if (engines["hardware"].GetProperty("processor").ValueKind == JsonValueKind.Object)
            {
                var found = engines["emulation"].GetProperty("problems").EnumerateObject().ToList();
                found.Count.ShouldBe(Problems, engines["emulation"].ToString());
                found.ShouldAllBe(problem => problem.Value.GetBoolean());
                engines["simulation"].GetProperty("problemsReason").GetString().ShouldNotBeNull();
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), limit.Token);
        }
    }

    [Fact]
    public async Task NoRoom_IsRefusedWithEveryHostsReason()
    {
        await cloud.SendAsync(HttpMethod.Post, "/v1/instance-types", new { name = "huge", vcpus = 64, memoryBytes = "1Ti" });
        var (status, body) = await cloud.SendAsync(HttpMethod.Post, "/v1/instances", new { name = "titan", image = "tiny", type = "huge" });
        status.ShouldBe(HttpStatusCode.Conflict);
        body!.Value.GetProperty("code").GetString().ShouldBeOneOf("no-capacity", "quota-exceeded");
    }

    private async Task<string> CreateAsync(string name, object? with = null)
    {
        var instance = await cloud.CreateInstanceAsync(name, with: with);
        instance.GetProperty("ready").GetBoolean().ShouldBeTrue(instance.ToString());
        return instance.GetProperty("id").GetString()!;
    }

    private Task<JsonElement> ActAsync(string id, string verb) =>
        cloud.PostAsync($"/v1/instances/{id}/{verb}?wait=120", expected: HttpStatusCode.OK);

    private async Task<double> CpuSecondsAsync(string id) =>
        (await cloud.GetAsync($"/v1/instances/{id}/metrics")).GetProperty("cpuSeconds").GetDouble();

    private async Task<long> MemoryKibAsync(string id) => long.Parse(
        await cloud.ShellAsync(id, "awk '/MemTotal/ {print $2}' /proc/meminfo"), System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The guest's process, ended as a crash would.</summary>
    private void KillGuest(string id) => GuestProcesses.Of(cloud.Data, id).ShouldHaveSingleItem().Kill();

    private async Task<JsonElement> UntilAsync(string id, string status)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var instance = await cloud.GetAsync($"/v1/instances/{id}");
            if (instance.GetProperty("status").GetString() == status)
            {
                return instance;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), limit.Token);
        }
    }
}
