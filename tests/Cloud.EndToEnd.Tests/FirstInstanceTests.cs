using System.Net;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>The first instance, all services in one process.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LocalFirstInstanceTests(LocalCloud cloud) : FirstInstanceTests(cloud);

/// <summary>The first instance, each service in a process of its own.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedFirstInstanceTests(DistributedCloud cloud) : FirstInstanceTests(cloud);

/// <summary>The first thing a new user does: one command, one curl, a Linux machine that answers.</summary>
public abstract class FirstInstanceTests(CloudUnderTest cloud)
{
    [Fact]
    public async Task Create_WithUserData_AnswersWithAGuestThatBootedAndRanIt()
    {
        var instance = await CreateAsync("first", "#!/bin/sh\necho hello from $(uname -rm)");

        instance.GetProperty("status").GetString().ShouldBe("running");
        instance.GetProperty("ready").GetBoolean().ShouldBeTrue();
        var console = await cloud.Http.GetStringAsync($"/v1/instances/{IdOf(instance)}/console");
        console.ShouldContain("Linux version");
        console.ShouldMatch(@"(?m)^hello from \d+\.\d+\.\S+ x86_64");
        await DeleteAsync(instance);
    }

    [Fact]
    public async Task Create_WithUserDataThatFails_SaysSo()
    {
        var instance = await CreateAsync("failing", "#!/bin/sh\nexit 7");

        instance.GetProperty("status").GetString().ShouldBe("running");
        instance.GetProperty("ready").GetBoolean().ShouldBeFalse();
        instance.GetProperty("statusReason").GetString()!.ShouldContain("7");
        var boot = await cloud.GetAsync($"/v1/instances/{IdOf(instance)}/boot");
        boot.GetProperty("userDataExitCode").GetInt32().ShouldBe(7);
        await DeleteAsync(instance);
    }

    [Fact]
    public async Task DownAndUp_LeavesEverythingAsItWas()
    {
        var instance = await CreateAsync("kept", "#!/bin/sh\necho once > /root/mark");

        await cloud.DownAsync();
        await cloud.UpAsync();

        var after = await cloud.GetAsync($"/v1/instances/{IdOf(instance)}?wait=120");
        after.GetProperty("status").GetString().ShouldBe("running");
        after.GetProperty("ready").GetBoolean().ShouldBeTrue();
        var read = await cloud.PostAsync(
            $"/v1/instances/{IdOf(instance)}/exec", new { command = new[] { "cat", "/root/mark" } }, HttpStatusCode.OK);
        read.GetProperty("stdout").GetString().ShouldBe("once\n");
        await DeleteAsync(instance);
    }

    [Fact]
    public async Task KilledCloud_LeavesGuestsRunning_AndFindsThemAgain()
    {
        var instance = await CreateAsync("survivor", "#!/bin/sh\ncat /proc/sys/kernel/random/boot_id");
        var bootId = await ReadAsync(instance, "/proc/sys/kernel/random/boot_id");

        await cloud.KillAsync(cloud.Units.ContainsKey("cloud") ? "cloud" : "host");
        await cloud.UpAsync();

        var after = await cloud.GetAsync($"/v1/instances/{IdOf(instance)}?wait=60");
        after.GetProperty("status").GetString().ShouldBe("running");
        (await ReadAsync(instance, "/proc/sys/kernel/random/boot_id")).ShouldBe(bootId);
        await DeleteAsync(instance);
    }

    private static string IdOf(JsonElement instance) => instance.GetProperty("id").GetString()!;

    private Task<JsonElement> CreateAsync(string name, string userData) => cloud.CreateInstanceAsync(name, userData);

    private async Task<string?> ReadAsync(JsonElement instance, string path)
    {
        var read = await cloud.PostAsync(
            $"/v1/instances/{IdOf(instance)}/exec", new { command = new[] { "cat", path } }, HttpStatusCode.OK);
        return read.GetProperty("stdout").GetString();
    }

    private Task DeleteAsync(JsonElement instance) => cloud.DeleteInstanceAsync(IdOf(instance));
}
