using System.Net;
using System.Text.Json;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.Tests.Instances;

/// <summary>The control plane's part of suspending, snapshotting and forking, with what a host can refuse.</summary>
public sealed class InstanceSnapshotTests(ComputeUnderTest compute) : IClassFixture<ComputeUnderTest>
{
    [Fact]
    public async Task SuspendAndResume_TurnTheStatus_AndRefuseWhatDoesNotFit()
    {
        var id = IdOf(await compute.CreateAsync("sleeper"));
        StatusOf(await ActAsync(id, "suspend")).ShouldBe("suspended");
        foreach (var verb in new[] { "suspend", "pause", "reboot", "start", "fork" })
        {
            (await RefusedAsync($"/v1/instances/{id}/{verb}", verb == "fork" ? new { count = 1 } : null)).ShouldBe("wrong-status");
        }

        (await RefusedAsync($"/v1/instances/{id}/snapshot", new { name = "asleep" })).ShouldBe("wrong-status");
        StatusOf(await ActAsync(id, "resume")).ShouldBe("running");
        compute.Host.Guests[id].State.ShouldBe(GuestState.Running);
        StatusOf(await ActAsync(id, "suspend")).ShouldBe("suspended");
        StatusOf(await ActAsync(id, "stop")).ShouldBe("stopped");
        compute.Host.Calls.ShouldContain($"KillAsync {id}");
    }

    [Fact]
    public async Task Suspend_ThatTheHostRefuses_FailsWithItsWords()
    {
        var id = IdOf(await compute.CreateAsync("sleepless"));
        compute.Host.Failures["SuspendAsync"] = (CloudException.Conflict(HostErrors.Refused, "The state cannot be kept."), 1);
        var failed = await ActAsync(id, "suspend");
        StatusOf(failed).ShouldBe("failed");
        failed.GetProperty("statusReason").GetString()!.ShouldContain("cannot be kept");
    }

    [Fact]
    public async Task Suspend_WhileTheHostIsAway_GoesOnWhenItIsBack()
    {
        var id = IdOf(await compute.CreateAsync("tenacious-sleeper"));
        compute.Host.Failures["SuspendAsync"] = (new CloudException(ErrorKind.Unavailable, "host-unreachable", "Away."), 2);
        StatusOf(await ActAsync(id, "suspend")).ShouldBe("suspended");
    }

    [Fact]
    public async Task Snapshot_IsTakenRestoredAndDeleted_AndGoesWithItsInstance()
    {
        var id = IdOf(await compute.CreateAsync("kept"));
        var first = await SnapshotAsync(id, "first");
        var second = await SnapshotAsync(id, "second");
        first.GetProperty("storedBytes").GetInt64().ShouldBe(1000);
        first.GetProperty("instance").GetString().ShouldBe(id);
        (await RefusedAsync($"/v1/instances/{id}/snapshot", new { name = "first" })).ShouldBe("name-taken");
        (await compute.GetAsync("/v1/instance-snapshots?name=second")).GetProperty("items").GetArrayLength().ShouldBe(1);

        var restored = await compute.SendAsync(HttpMethod.Post, $"/v1/instance-snapshots/{IdOf(first)}/restore?wait=30");
        restored.Status.ShouldBe(HttpStatusCode.OK, restored.Body.ToString());
        StatusOf(restored.Body).ShouldBe("running");
        restored.Body.GetProperty("ready").GetBoolean().ShouldBeTrue();

        for (var times = 0; times < 2; times++)
        {
            (await compute.SendAsync(HttpMethod.Delete, $"/v1/instance-snapshots/{IdOf(first)}?wait=30"))
                .Status.ShouldBe(HttpStatusCode.NoContent);
        }

        compute.Host.Snapshots.ShouldNotContainKey(IdOf(first));
        (await compute.SendAsync(HttpMethod.Post, $"/v1/instance-snapshots/{IdOf(first)}/restore")).Status
            .ShouldBe(HttpStatusCode.NotFound);
        (await compute.SendAsync(HttpMethod.Delete, $"/v1/instances/{id}?wait=30")).Status.ShouldBe(HttpStatusCode.NoContent);
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!compute.Host.Snapshots.ContainsKey(IdOf(second))));
    }

    [Fact]
    public async Task Snapshot_OfAnother_IsNotThere_AndWhatIsWrongIsNamed()
    {
        var id = IdOf(await compute.CreateAsync("private"));
        var snapshot = await SnapshotAsync(id, "secret");
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Get, $"/v1/instance-snapshots/{IdOf(snapshot)}"),
            (HttpMethod.Delete, $"/v1/instance-snapshots/{IdOf(snapshot)}"),
            (HttpMethod.Post, $"/v1/instance-snapshots/{IdOf(snapshot)}/restore"),
            (HttpMethod.Get, "/v1/instance-snapshots/none"),
        })
        {
            (await compute.SendAsync(method, path, project: "p-2")).Status.ShouldBe(HttpStatusCode.NotFound, path);
        }

        foreach (var path in new[] { $"/v1/instances/{id}/snapshot", $"/v1/instances/{id}/suspend", $"/v1/instances/{id}/fork" })
        {
            (await compute.SendAsync(HttpMethod.Post, path, new { name = "x", count = 1 }, Role.Viewer)).Status
                .ShouldBe(HttpStatusCode.Forbidden, path);
        }

        (await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/snapshot", new { name = "Not a name" })).Status
            .ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Restore_ThatTheHostRefuses_LeavesTheGuestRunning_AndSaysWhy()
    {
        var id = IdOf(await compute.CreateAsync("refused-restore"));
        var snapshot = await SnapshotAsync(id, "stale");
        compute.Host.Failures["RestoreAsync"] = (CloudException.Conflict(HostErrors.Resized, "Resized since."), 1);
        var (_, body) = await compute.SendAsync(HttpMethod.Post, $"/v1/instance-snapshots/{IdOf(snapshot)}/restore?wait=30");
        StatusOf(body).ShouldBe("running");
        body.GetProperty("statusReason").GetString()!.ShouldContain("Resized since.");
        (await ActAsync(id, "stop")).GetProperty("status").GetString().ShouldBe("stopped");
        compute.Host.Failures["RestoreAsync"] = (CloudException.Conflict(HostErrors.Resized, "Resized since."), 1);
        (_, body) = await compute.SendAsync(HttpMethod.Post, $"/v1/instance-snapshots/{IdOf(snapshot)}/restore?wait=30");
        StatusOf(body).ShouldBe("failed");
    }

    [Fact]
    public async Task Fork_MakesInstancesOfTheirOwn_FromOneSnapshot()
    {
        var parent = await compute.CreateAsync("parent", new { image = "forkable", ports = new[] { new { guest = 22 } } });
        var (status, body) = await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{IdOf(parent)}/fork?wait=30", new { count = 3 });
        status.ShouldBe(HttpStatusCode.Created, body.ToString());
        var forks = body.GetProperty("items").EnumerateArray().ToList();
        forks.Select(fork => fork.GetProperty("name").GetString()).ShouldBe(["parent-1", "parent-2", "parent-3"]);
        forks.ShouldAllBe(fork => StatusOf(fork) == "running");
        forks.Append(parent).Select(one => one.GetProperty("address").GetString()).Distinct().Count().ShouldBe(4);
        forks.Append(parent).Select(one => one.GetProperty("ports")[0].GetProperty("port").GetInt32()).Distinct().Count().ShouldBe(4);
        var specs = forks.Select(fork => compute.Host.SpecOf(IdOf(fork))).ToList();
        specs.Select(spec => spec.MacAddress).Distinct().Count().ShouldBe(3);
        specs.Select(spec => spec.ForkOf).Distinct().Single().ShouldNotBeNull();

        // Nothing needs it any more.
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!compute.Host.Snapshots.ContainsKey(specs[0].ForkOf!)));
    }

    [Fact]
    public async Task Fork_ThatCannotBe_IsRefusedAndMakesNone()
    {
        var plain = IdOf(await compute.CreateAsync("no-agent"));
        (await RefusedAsync($"/v1/instances/{plain}/fork", new { count = 1 })).ShouldBe("no-guest-agent");
        var volume = compute.Storage.Add("not-forked");
        var attached = IdOf(await compute.CreateAsync("attached", new { image = "forkable", volumes = new[] { new { volume } } }));
        (await RefusedAsync($"/v1/instances/{attached}/fork", new { count = 1 })).ShouldBe(HostErrors.HasVolumes);
        var parent = IdOf(await compute.CreateAsync("greedy", new { image = "forkable" }));
        foreach (var count in new[] { 0, 101 })
        {
            (await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{parent}/fork", new { count })).Status
                .ShouldBe(HttpStatusCode.BadRequest);
        }

        (await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{parent}/fork", new { count = 1, namePrefix = "No name" })).Status
            .ShouldBe(HttpStatusCode.BadRequest);
        (await compute.GetAsync("/v1/instances?name=greedy-1")).GetProperty("items").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task Fork_ThatDoesNotComeToRun_FailsAlone_AndLeavesNoGuest()
    {
        var parent = IdOf(await compute.CreateAsync("unlucky", new { image = "forkable" }));
        compute.Host.Failures["StartAsync"] = (CloudException.Conflict(HostErrors.NotRenewed, "No identity of its own."), 1);
        var (_, body) = await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{parent}/fork?wait=30", new { count = 2 });
        var forks = body.GetProperty("items").EnumerateArray().ToList();
        forks.Select(StatusOf).Order().ShouldBe(["failed", "running"]);
        var failed = forks.Single(fork => StatusOf(fork) == "failed");
        failed.GetProperty("statusReason").GetString()!.ShouldContain("No identity");
        compute.Host.Guests.ShouldNotContainKey(IdOf(failed));
        StatusOf(await compute.GetAsync($"/v1/instances/{parent}")).ShouldBe("running");
    }

    [Fact]
    public async Task Exits_AreTheHosts_OrItsRefusal()
    {
        var id = IdOf(await compute.CreateAsync("counted"));
        var exits = await compute.GetAsync($"/v1/instances/{id}/exits");
        exits.GetProperty("counter").GetString().ShouldBe("tcg");
        exits.GetProperty("reasons").GetProperty("tlb full flushes").GetInt64().ShouldBe(7);
        compute.Host.Failures["ReadExitsAsync"] = (CloudException.Conflict(HostErrors.Refused, "It counts none."), 1);
        (await compute.SendAsync(HttpMethod.Get, $"/v1/instances/{id}/exits")).Status.ShouldBe(HttpStatusCode.Conflict);
        (await compute.SendAsync(HttpMethod.Get, $"/v1/instances/{id}/exits", project: "p-2")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Harts_AreTheHosts_OrItsRefusal()
    {
        var id = IdOf(await compute.CreateAsync("shown"));
        var hart = (await compute.GetAsync($"/v1/instances/{id}/harts?address=0xffffffff80000000")).GetProperty("items")[0];
        hart.GetProperty("mode").GetString().ShouldBe("supervisor");
        hart.GetProperty("registers").GetProperty("a0").GetString().ShouldBe("0x1");
        hart.GetProperty("walk").GetProperty("physical").GetString().ShouldBe("0xffffffff80000000");
        (await compute.SendAsync(HttpMethod.Get, $"/v1/instances/{id}/harts?address=here")).Status.ShouldBe(HttpStatusCode.BadRequest);
        compute.Host.Failures["ReadHartsAsync"] = (CloudException.Conflict(HostErrors.Refused, "It shows none."), 1);
        (await compute.SendAsync(HttpMethod.Get, $"/v1/instances/{id}/harts")).Status.ShouldBe(HttpStatusCode.Conflict);
        (await compute.SendAsync(HttpMethod.Get, $"/v1/instances/{id}/harts", project: "p-2")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    private static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;

    private static string StatusOf(JsonElement resource) => resource.GetProperty("status").GetString()!;

    private async Task<JsonElement> ActAsync(string id, string verb) =>
        (await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/{verb}?wait=30")).Body;

    private async Task<JsonElement> SnapshotAsync(string id, string name)
    {
        var (status, body) = await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/snapshot?wait=30", new { name });
        status.ShouldBe(HttpStatusCode.Created, body.ToString());
        StatusOf(body).ShouldBe("available");
        return body;
    }

    private async Task<string> RefusedAsync(string path, object? body)
    {
        var (status, refused) = await compute.SendAsync(HttpMethod.Post, path, body);
        status.ShouldBe(HttpStatusCode.Conflict, refused.ToString());
        return refused.GetProperty("code").GetString()!;
    }
}
