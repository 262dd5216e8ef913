using System.Net;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.Tests.Instances;

/// <summary>The control plane's part of an instance's life, with every failure that a host can have.</summary>
public sealed class InstanceLifecycleTests(ComputeUnderTest compute) : IClassFixture<ComputeUnderTest>
{
    [Fact]
    public async Task Create_EndsRunningAndReady_AndSaysWhyThisEngineAndHost()
    {
        var made = await compute.CreateAsync("plain");
        made.GetProperty("status").GetString().ShouldBe("running");
        made.GetProperty("ready").GetBoolean().ShouldBeTrue();
        made.GetProperty("engine").GetString().ShouldBe("emulation");
        made.GetProperty("engineReason").GetString()!.ShouldContain("It has none.");
        var placement = await compute.GetAsync($"/v1/instances/{IdOf(made)}/placement");
        placement.GetProperty("hosts")[0].GetProperty("host").GetString().ShouldBe("fake");
    }

    [Fact]
    public async Task Create_OnAnImageStillBuilding_WaitsWithIt()
    {
        await compute.AddImageAsync("slow", built: false);
        var (_, made) = await compute.SendAsync(HttpMethod.Post, "/v1/instances", new { name = "patient", image = "slow", type = "nano" });
        made.GetProperty("status").GetString().ShouldBe("provisioning");
        await compute.EndBuildAsync("slow");
        await compute.UntilStatusAsync(IdOf(made), "running");
    }

    [Fact]
    public async Task Create_OnAnImageWhoseBuildFails_FailsWithTheReason()
    {
        await compute.AddImageAsync("doomed", built: false);
        var (_, made) = await compute.SendAsync(
            HttpMethod.Post, "/v1/instances", new { name = "hopeful", image = "doomed", type = "nano" });
        await compute.EndBuildAsync("doomed", "The disk was full.");
        await compute.UntilStatusAsync(IdOf(made), "failed");
        (await compute.GetAsync($"/v1/instances/{IdOf(made)}")).GetProperty("statusReason")
            .GetString()!.ShouldContain("The disk was full.");
    }

    [Fact]
    public async Task Create_TheEngineRefuses_FailsWithItsWords_AndLeavesNoGuest()
    {
        compute.Host.Failures["StartAsync"] = (CloudException.Conflict(HostErrors.Refused, "The kernel is none."), 1);
        var made = await compute.CreateAsync("refused");
        made.GetProperty("status").GetString().ShouldBe("failed");
        made.GetProperty("statusReason").GetString()!.ShouldContain("The kernel is none.");
        compute.Host.Guests.ShouldNotContainKey(IdOf(made));
    }

    [Fact]
    public async Task Create_WhileTheHostIsAway_GoesOnWhenItIsBack()
    {
        compute.Host.Failures["DefineAsync"] = (new CloudException(ErrorKind.Unavailable, "host-unreachable", "Away."), 2);
        (await compute.CreateAsync("tenacious")).GetProperty("status").GetString().ShouldBe("running");
    }

    [Fact]
    public async Task Start_AfterAStop_IsNotEndedByWhatWasReportedBefore()
    {
        var id = IdOf(await compute.CreateAsync("again"));
        for (var times = 0; times < 5; times++)
        {
            (await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/stop?wait=30"))
                .Body.GetProperty("status").GetString().ShouldBe("stopped");
            (await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/start?wait=30"))
                .Body.GetProperty("status").GetString().ShouldBe("running");
            (await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/reboot?wait=30"))
                .Body.GetProperty("ready").GetBoolean().ShouldBeTrue();
        }
    }

    [Fact]
    public async Task Stop_OfAGuestThatDoesNotObey_EndsByForce()
    {
        var id = IdOf(await compute.CreateAsync("deaf"));
        compute.Host.ObeysPowerDown = false;
        var (_, stopped) = await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/stop?wait=60");
        compute.Host.ObeysPowerDown = true;
        stopped.GetProperty("status").GetString().ShouldBe("stopped");
        compute.Host.Calls.ShouldContain($"KillAsync {id}");
    }

    [Fact]
    public async Task Death_IsToldAtOnce_AndFollowsTheRestartPolicy()
    {
        var never = IdOf(await compute.CreateAsync("mortal", new { restartPolicy = "never" }));
        var onFailure = IdOf(await compute.CreateAsync("phoenix", new { restartPolicy = "on-failure" }));
        var always = IdOf(await compute.CreateAsync("immortal", new { restartPolicy = "always" }));
        compute.Host.End(never, GuestExitKind.Failed, "Signal 9.");
        compute.Host.End(onFailure, GuestExitKind.Failed, "Signal 9.");
        compute.Host.End(always, GuestExitKind.GuestShutdown, "The guest powered itself off.");

        await compute.UntilStatusAsync(never, "failed");
        (await compute.GetAsync($"/v1/instances/{never}")).GetProperty("statusReason").GetString().ShouldBe("Signal 9.");
        foreach (var id in new[] { onFailure, always })
        {
            // Until then it is still said to run.
            await ComputeUnderTest.UntilAsync(() => Task.FromResult(compute.Host.Calls.Count(call => call == $"StartAsync {id}") == 2));
            await compute.UntilStatusAsync(id, "running");
        }
    }

    [Fact]
    public async Task DeathAgainAndAgain_IsFollowedByALongerPauseEachTime()
    {
        var id = IdOf(await compute.CreateAsync("hopeless"));
        compute.Host.End(id, GuestExitKind.Failed, "A panic.");
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(compute.Host.Calls.Count(call => call == $"StartAsync {id}") == 2));
        await compute.UntilStatusAsync(id, "running");
        compute.Host.End(id, GuestExitKind.Failed, "A panic.");
        await compute.UntilStatusAsync(id, "failed");
        (await compute.GetAsync($"/v1/instances/{id}")).GetProperty("statusReason").GetString()!.ShouldContain("started again in 4 s");
        await compute.UntilStatusAsync(id, "running");
    }

    [Fact]
    public async Task ImageBuiltAnew_ChangesNothingForInstancesMadeBefore()
    {
        await compute.AddImageAsync("moving");
        var id = IdOf(await compute.CreateAsync("steady", new { image = "moving" }));
        await compute.MoveImageAsync("moving", "/elsewhere");
        await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/stop?wait=30");
        await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/start?wait=30");
        compute.Host.SpecOf(id).Image.Folder.ShouldNotBe("/elsewhere");
    }

    [Fact]
    public async Task HostStoppedUnderIt_RunsAgain_WhateverThePolicy()
    {
        var id = IdOf(await compute.CreateAsync("settled", new { restartPolicy = "never" }));
        compute.Host.End(id, GuestExitKind.HostStopped, "Its host was stopped.");
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(compute.Host.Calls.Count(call => call == $"StartAsync {id}") == 2));
        await compute.UntilStatusAsync(id, "running");
    }

    [Fact]
    public async Task UserDataThatFails_LeavesItRunningAndNotReady()
    {
        compute.Host.BootsAtOnce = false;
        var (_, made) = await compute.SendAsync(HttpMethod.Post, "/v1/instances", new { name = "unlucky", image = "tiny", type = "nano" });
        await compute.UntilStatusAsync(IdOf(made), "starting");
        await ComputeUnderTest.UntilAsync(
            () => Task.FromResult(compute.Host.Guests.TryGetValue(IdOf(made), out var guest) && guest.State == GuestState.Running));
        compute.Host.EndBoot(IdOf(made), userDataExitCode: 3);
        compute.Host.BootsAtOnce = true;
        await compute.UntilStatusAsync(IdOf(made), "running");
        var instance = await compute.GetAsync($"/v1/instances/{IdOf(made)}");
        instance.GetProperty("ready").GetBoolean().ShouldBeFalse();
        instance.GetProperty("statusReason").GetString()!.ShouldContain("3");
    }

    [Fact]
    public async Task GuestWithoutAnInstance_IsReaped()
    {
        compute.Host.Plant(new GuestSpec
        {
            Id = "i-orphan",
            Project = "p",
            ProjectName = "p",
            HostName = "orphan",
            Engine = "emulation",
            Vcpus = 1,
            MemoryBytes = 1,
            RootDiskBytes = 1,
            Image = new GuestImage { Id = "img", Architecture = "x86_64", Folder = "/", Disk = "d", DiskFormat = "raw" },
            MacAddress = "52:54:0a:50:00:10",
            Address = "10.80.0.16",
        });
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!compute.Host.Guests.ContainsKey("i-orphan")));
    }

    [Fact]
    public async Task Delete_SupersedesACreateThatIsUnderWay_AndAnswersTwice()
    {
        await compute.AddImageAsync("never-built", built: false);
        var (_, made) = await compute.SendAsync(
            HttpMethod.Post, "/v1/instances", new { name = "withdrawn", image = "never-built", type = "nano" });
        (await compute.SendAsync(HttpMethod.Delete, $"/v1/instances/{IdOf(made)}?wait=30")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await compute.SendAsync(HttpMethod.Delete, $"/v1/instances/{IdOf(made)}")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await compute.SendAsync(HttpMethod.Get, $"/v1/instances/{IdOf(made)}")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await compute.SendAsync(HttpMethod.Delete, "/v1/instances/i-01kb0000000000000000000000")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Reads_ShowEveryChangeAtOnce()
    {
        var id = IdOf(await compute.CreateAsync("mirror"));
        for (var at = 0; at < 50; at++)
        {
            await compute.GetAsync($"/v1/instances/{id}");
            await compute.SendAsync(
                HttpMethod.Patch, $"/v1/instances/{id}", new { labels = new Dictionary<string, string> { ["at"] = $"{at}" } });
            (await compute.GetAsync($"/v1/instances/{id}")).GetProperty("labels").GetProperty("at").GetString().ShouldBe($"{at}");
        }
    }

    [Fact]
    public async Task AnotherProject_SeesNothing()
    {
        var id = IdOf(await compute.CreateAsync("private"));
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Get, ""), (HttpMethod.Delete, ""), (HttpMethod.Post, "/stop"), (HttpMethod.Get, "/console"),
            (HttpMethod.Get, "/placement"),
            (HttpMethod.Get, "/boot"), (HttpMethod.Get, "/metrics"),
        })
        {
            (await compute.SendAsync(method, $"/v1/instances/{id}{path}", project: "p-2")).Status.ShouldBe(HttpStatusCode.NotFound, path);
        }

        (await compute.SendAsync(HttpMethod.Get, "/v1/instances", project: "p-2")).Body.GetProperty("items").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task IfMatch_OfAnOlderVersion_IsRefused()
    {
        var id = IdOf(await compute.CreateAsync("versioned"));
        using var request = new HttpRequestMessage(HttpMethod.Patch, $"/v1/instances/{id}")
        {
            Content = System.Net.Http.Json.JsonContent.Create(new { name = "renamed" }),
        };
        request.Headers.TryAddWithoutValidation("If-Match", "\"1\"");
        using var response = await compute.Http.SendAsync(request);
        response.StatusCode.ShouldBe(HttpStatusCode.PreconditionFailed);
    }

    [Fact]
    public async Task Viewer_MayNotChange()
    {
        (await compute.SendAsync(HttpMethod.Post, "/v1/instances", new { name = "x", image = "tiny" }, Role.Viewer))
            .Status.ShouldBe(HttpStatusCode.Forbidden);
        (await compute.SendAsync(HttpMethod.Post, "/v1/instance-types", new { name = "x", vcpus = 1, memoryBytes = "1Gi" }))
            .Status.ShouldBe(HttpStatusCode.Forbidden);
        (await compute.SendAsync(HttpMethod.Get, "/v1/hosts")).Status.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Theory]
    [InlineData("{\"name\":\"UPPER\",\"image\":\"tiny\"}", "name")]
    [InlineData("{\"name\":\"a\",\"image\":\"none\"}", "image")]
    [InlineData("{\"name\":\"a\",\"image\":\"tiny\",\"type\":\"none\"}", "type")]
    [InlineData("{\"name\":\"a\",\"image\":\"tiny\",\"engine\":\"magic\"}", "engine")]
    [InlineData("{\"name\":\"a\",\"image\":\"tiny\",\"ports\":[{\"guest\":0}]}", "ports[0].guest")]
    [InlineData("{\"name\":\"a\",\"image\":\"tiny\",\"ports\":[{\"guest\":22},{\"guest\":22}]}", "ports")]
    [InlineData("{\"name\":\"a\",\"image\":\"tiny\",\"keyPair\":\"none\"}", "keyPair")]
    [InlineData("{\"name\":\"a\",\"image\":\"tiny\",\"userData\":\"#cloud-config\\n\"}", "userData")]
    [InlineData("{\"name\":\"a\",\"image\":\"tiny\",\"colour\":\"red\"}", "colour")]
    [InlineData("{\"name\":7,\"image\":\"tiny\"}", "name")]
    public async Task BadRequest_NamesTheField(string json, string field)
    {
        using var content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var response = await compute.Http.PostAsync("/v1/instances", content);
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var problem = System.Text.Json.JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        problem.GetProperty("errors").TryGetProperty(field, out _).ShouldBeTrue(problem.ToString());
    }

    [Fact]
    public async Task Pages_FollowOneAnother_AndLabelsFilter()
    {
        foreach (var at in Enumerable.Range(0, 5))
        {
            await compute.CreateAsync(
                $"page-{at}", new { labels = new Dictionary<string, string> { ["set"] = "pages", ["at"] = $"{at}" } });
        }

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await compute.GetAsync($"/v1/instances?label=set=pages&limit=2{(cursor is null ? "" : $"&cursor={cursor}")}");
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("name").GetString()!));
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);
        seen.ShouldBe(["page-0", "page-1", "page-2", "page-3", "page-4"]);
        (await compute.GetAsync("/v1/instances?label=set=pages&label=at=3")).GetProperty("items").GetArrayLength().ShouldBe(1);
    }

    private static string IdOf(System.Text.Json.JsonElement instance) => instance.GetProperty("id").GetString()!;
}
