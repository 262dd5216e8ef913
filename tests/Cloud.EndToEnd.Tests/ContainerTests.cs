using System.Net;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>Containers through the same API as machines, from the cloud's own image.</summary>
[Collection(OnSecondLocalCloud.Name)]
public sealed class ContainerTests(LocalCloud cloud)
{
    private const string Server =
        "trap 'exit 0' TERM; echo $GREETING > /tmp/index.html; httpd -h /tmp; echo up; while :; do sleep 0.1; done";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Container_RunsItsCommand_AnswersOnItsPort_AndKeepsWhatItWroteOverAStop()
    {
        var made = await CreateAsync(new
        {
            name = "web",
            ports = (object[])[new { guest = 80 }],
            environment = new Dictionary<string, string> { ["GREETING"] = "hello there" },
            command = (string[])["/bin/sh", "-c", Server],
        });
        made.GetProperty("status").GetString().ShouldBe("running");
        made.GetProperty("engine").GetString().ShouldBe("container");
        made.GetProperty("ready").GetBoolean().ShouldBeTrue();
        var id = made.GetProperty("id").GetString()!;
        await WaitForConsoleAsync(id, "up");
        var port = made.GetProperty("ports")[0].GetProperty("port").GetInt32();
        using (var browser = new HttpClient())
        {
            (await browser.GetStringAsync($"http://127.0.0.1:{port}/index.html")).ShouldBe("hello there\n");
        }

        (await cloud.ShellAsync(id, "nslookup web | tail -n 2; exit 5")).ShouldEndWith("[exit 5]");
        (await ActAsync(id, "pause")).GetProperty("status").GetString().ShouldBe("paused");
        (await ActAsync(id, "resume")).GetProperty("status").GetString().ShouldBe("running");
        var (_, resized) = await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/resize?wait=60", new { type = "micro" });
        resized!.Value.GetProperty("status").GetString().ShouldBe("running");
        resized.Value.GetProperty("memoryBytes").GetInt64().ShouldBe(256 << 20);
        (await ActAsync(id, "stop")).GetProperty("status").GetString().ShouldBe("stopped");
        (await ActAsync(id, "start")).GetProperty("status").GetString().ShouldBe("running");
        (await cloud.ShellAsync(id, "cat /tmp/index.html")).ShouldBe("hello there\n");
        (await cloud.GetAsync($"/v1/instances/{id}/metrics")).GetProperty("residentBytes").GetInt64().ShouldBeGreaterThan(0);
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task Volume_IsMountedWhereItIsAskedFor_AndKeepsItsBytesForTheNextContainer()
    {
        var volume = (await cloud.PostAsync("/v1/volumes?wait=60", new { name = "of-containers", sizeBytes = "32Mi" }))
            .GetProperty("id").GetString();
        var volumes = (object[])[new { volume = "of-containers", mountPath = "/data" }];
        var first = await CreateAsync(new { name = "writer", readOnlyRoot = true, volumes });
        var id = first.GetProperty("id").GetString()!;
        (await cloud.ShellAsync(id, "echo kept > /data/file && touch /elsewhere")).ShouldContain("Read-only file system");
        await cloud.DeleteInstanceAsync(id);
        await WaitUntilFreeAsync(volume);

        var second = await CreateAsync(new { name = "reader", volumes });
        id = second.GetProperty("id").GetString()!;
        (await cloud.ShellAsync(id, "cat /data/file")).ShouldBe("kept\n");
        await cloud.DeleteInstanceAsync(id);
        await WaitUntilFreeAsync(volume);
        await cloud.DeleteVolumeAsync(volume!);
    }

    [Fact]
    public async Task Volume_OfAContainerThatRuns_IsSnapshottedAndCloned_AndItsFilesAreMergedUnderIt()
    {
        var volumeId = (await cloud.PostAsync("/v1/volumes?wait=60", new { name = "live", sizeBytes = "64Mi" }))
            .GetProperty("id").GetString();
        var made = await CreateAsync(new { name = "live", volumes = (object[])[new { volume = "live", mountPath = "/data" }] });
        var id = made.GetProperty("id").GetString()!;
        await cloud.ShellAsync(id, "echo of the first > /data/file");
        var first = await SnapshotAsync("live-0");
        var later = new List<string>();
        first.GetProperty("fileSystemsFrozen").GetBoolean().ShouldBeTrue();

        // An agent that found the container does the same.
        await cloud.KillAsync("cloud");
        await cloud.UpAsync();
        for (var number = 1; number < 5; number++)
        {
            (await cloud.ShellAsync(id, $"echo of {number} > /data/file; dd if=/dev/urandom of=/data/more bs=1M count=2 2>/dev/null"))
                .ShouldBe("");
            later.Add((await SnapshotAsync($"live-{number}")).GetProperty("id").GetString()!);
        }

        foreach (var snapshot in later)
        {
            (await cloud.SendAsync(HttpMethod.Delete, $"/v1/snapshots/{snapshot}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);
        }

        // What lies over the first snapshot is the file that is written, and one of all that were merged.
        await UntilAsync(async () =>
            (await cloud.GetAsync($"/v1/volumes/{volumeId}/metrics")).GetProperty("layers").GetInt32() <= 3);
        (await cloud.ShellAsync(id, "cat /data/file; echo still > /data/file; sync; cat /data/file")).ShouldBe("of 4\nstill\n");
        (await ActAsync(id, "stop")).GetProperty("status").GetString().ShouldBe("stopped");
        (await ActAsync(id, "start")).GetProperty("status").GetString().ShouldBe("running");
        (await cloud.ShellAsync(id, "cat /data/file")).ShouldBe("still\n");

        await cloud.PostAsync("/v1/volumes?wait=60", new { name = "cloned", snapshot = first.GetProperty("id").GetString() });
        await cloud.PostAsync("/v1/volumes?wait=60", new { name = "copied", volume = volumeId });
        foreach (var (volume, held) in ((string, string)[])[("cloned", "of the first\n"), ("copied", "still\n")])
        {
            var reader = await CreateAsync(new { name = volume, volumes = (object[])[new { volume, mountPath = "/data" }] });
            (await cloud.ShellAsync(reader.GetProperty("id").GetString()!, "cat /data/file")).ShouldBe(held);
            await cloud.DeleteInstanceAsync(reader.GetProperty("id").GetString()!);
        }

        await cloud.DeleteInstanceAsync(id);
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/snapshots/{first.GetProperty("id").GetString()}?wait=60")).Status
            .ShouldBe(HttpStatusCode.NoContent);
        foreach (var volume in (string[])["live", "cloned", "copied"])
        {
            var found = (await cloud.GetAsync($"/v1/volumes?name={volume}")).GetProperty("items")[0].GetProperty("id").GetString()!;
            await WaitUntilFreeAsync(found);
            await cloud.DeleteVolumeAsync(found);
        }

        Task<JsonElement> SnapshotAsync(string name) => cloud.PostAsync("/v1/snapshots?wait=60", new { volume = volumeId, name });
    }

    [Fact]
    public async Task Process_ThatDies_IsStartedAgain_AndOneThatCannotStartIsExplained()
    {
        const string Mortal = "echo started; until test -e /tmp/now; do sleep 0.05; done; rm /tmp/now; exit 1";
        var made = await CreateAsync(
            new { name = "mortal", restartPolicy = "on-failure", command = (string[])["/bin/sh", "-c", Mortal] });
        var id = made.GetProperty("id").GetString()!;
        await cloud.ShellAsync(id, "touch /tmp/now");
        await WaitForConsoleAsync(id, "started\r\nstarted");
        await cloud.DeleteInstanceAsync(id);

        var never = await CreateAsync(new { name = "never", command = (string[])["/not-there"] });
        never.GetProperty("status").GetString().ShouldBe("failed");
        never.GetProperty("statusReason").GetString()!.ShouldContain("/not-there");
        await cloud.DeleteInstanceAsync(never.GetProperty("id").GetString()!);
    }

    [Fact]
    public async Task Registry_OnTheHostItself_IsNotReached()
    {
        var made = await cloud.PostAsync(
            "/v1/images?wait=30", new { name = "inward", format = "oci", reference = "http://127.0.0.1:5000/some/image:1" });
        made.GetProperty("status").GetString().ShouldBe("failed");
        await cloud.SendAsync(HttpMethod.Delete, "/v1/images/inward");
    }

    private Task<JsonElement> CreateAsync(object with)
    {
        var body = new Dictionary<string, object?> { ["image"] = "tiny-container", ["type"] = "nano" };
        foreach (var property in with.GetType().GetProperties())
        {
            body[property.Name] = property.GetValue(with);
        }

        return cloud.PostAsync("/v1/instances?wait=60", body);
    }

    private async Task<JsonElement> ActAsync(string id, string action)
    {
        var (status, body) = await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/{action}?wait=60");
        status.ShouldBe(HttpStatusCode.OK);
        return body!.Value;
    }

    private async Task WaitUntilFreeAsync(string? volume)
    {
        using var limit = new CancellationTokenSource(Limit);
        while ((await cloud.GetAsync($"/v1/volumes/{volume}")).GetProperty("status").GetString() != "available")
        {
            await Task.Delay(50, limit.Token);
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!await holds())
        {
            await Task.Delay(100, limit.Token);
        }
    }

    private async Task WaitForConsoleAsync(string id, string text)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!(await cloud.Http.GetStringAsync($"/v1/instances/{id}/console", limit.Token)).Contains(text, StringComparison.Ordinal))
        {
            await Task.Delay(50, limit.Token);
        }
    }
}
