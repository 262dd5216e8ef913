using System.Net;
using System.Text.Json;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Tests.Hosts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Compute.Tests.Instances;

/// <summary>The control plane's part of a migration, with two hosts that do, refuse and forget what a test wants.</summary>
public sealed class InstanceMigrationTests(TwoHostsUnderTest hosts) : IClassFixture<TwoHostsUnderTest>
{
    private readonly ComputeUnderTest _compute = hosts.Compute;

    private FakeHost One => _compute.Host;

    private FakeHost Two => _compute.Other!;

    [Fact]
    public async Task Migrate_ThereAndBack_TurnsTheHost_AndEachHostLosesWhatTheOtherHas()
    {
        var id = await CreateAsync("traveller", "fake");
        var there = await MigrateAsync(id, new { host = "other" });
        StatusOf(there).ShouldBe("running");
        there.GetProperty("host").GetString().ShouldBe("other");
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!One.Guests.ContainsKey(id)));
        Two.Guests[id].State.ShouldBe(GuestState.Running);
        var migration = await _compute.GetAsync($"/v1/instances/{id}/migration");
        migration.GetProperty("status").GetString().ShouldBe("succeeded");
        migration.GetProperty("progress").GetProperty("rounds").GetInt32().ShouldBe(3);

        (await MigrateAsync(id, new { })).GetProperty("host").GetString().ShouldBe("fake");
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!Two.Guests.ContainsKey(id)));
        StatusOf(await _compute.GetAsync($"/v1/instances/{id}")).ShouldBe("running");
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(One.Peers.SequenceEqual([new HostPeer("other", "/other/switch")])));
    }

    [Fact]
    public async Task Migrate_BackBeforeWhatItLeftIsTakenAway_BringsItBack()
    {
        var id = await CreateAsync("returner", "fake");
        One.Failures["ForgetDepartedAsync"] = (new CloudException(ErrorKind.Unavailable, "host-unreachable", "Away."), 3);
        await MigrateAsync(id, new { host = "other" });
        One.Guests[id].Away.ShouldBeTrue();

        StatusOf(await MigrateAsync(id, new { host = "fake" })).ShouldBe("running");

        var back = One.Guests[id];
        (back.Away, back.State).ShouldBe((false, GuestState.Running));
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!Two.Guests.ContainsKey(id)));
        One.Guests.ShouldContainKey(id);
    }

    [Fact]
    public async Task Migrate_WhatCannotBe_IsRefusedBeforeAnythingBegins()
    {
        var id = await CreateAsync("settled", "fake");
        var before = await ShowAsync(id);
        (await RefusedAsync(id, new { host = "fake" })).ShouldBe("already-there");
        (await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/migrate", new { host = "none" }, Role.Admin)).Status
            .ShouldBe(HttpStatusCode.NotFound);
        (await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/migrate", new { policy = "hope", timeoutSeconds = 0 }, Role.Admin))
            .Body.GetProperty("errors").EnumerateObject().Select(one => one.Name).ShouldBe(["policy", "timeoutSeconds"], ignoreOrder: true);
        One.Failures["DescribeDepartureAsync"] = (CloudException.Conflict(HostErrors.HasVolumes, "Its volumes lie on its host."), 1);
        (await RefusedAsync(id, new { host = "other" })).ShouldBe(HostErrors.HasVolumes);
        (await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/migrate/cancel", null, Role.Admin)).Body.GetProperty("code")
            .GetString().ShouldBe("wrong-status");
        (await ShowAsync(id)).ShouldBe(before);
        Two.Calls.ShouldNotContain($"AwaitGuestAsync {id}");
    }

    [Fact]
    public async Task Migrate_ThatTheHostRefuses_LeavesTheInstanceRunningWhereItWas()
    {
        var id = await CreateAsync("stayer", "fake");
        One.Failures["MoveGuestAsync"] = (CloudException.Conflict(HostErrors.NotMoved, "Its guest changes memory too fast."), 1);
        var stayed = await MigrateAsync(id, new { host = "other", policy = "give-up" });
        StatusOf(stayed).ShouldBe("running");
        stayed.GetProperty("host").GetString().ShouldBe("fake");
        stayed.GetProperty("statusReason").GetString()!.ShouldContain("too fast");
        Two.Arrivals.ShouldNotContainKey(id);
        (await _compute.GetAsync($"/v1/instances/{id}/migration")).GetProperty("status").GetString().ShouldBe("failed");
        (await MigrateAsync(id, new { host = "other" })).GetProperty("host").GetString().ShouldBe("other");
    }

    [Fact]
    public async Task Migrate_WhoseEndNobodyKnows_IsSettledByTheNewHost()
    {
        // It ran over there, and the answer was lost.
        var gone = await CreateAsync("gone", "fake");
        One.Failures["MoveGuestAsync-answer"] = (CloudException.Conflict(HostErrors.Unsettled, "Nobody knows."), 1);
        var migrated = await MigrateAsync(gone, new { host = "other" });
        migrated.GetProperty("host").GetString().ShouldBe("other");
        StatusOf(migrated).ShouldBe("running");
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!One.Guests.ContainsKey(gone)));

        // It did not, and the new host says so when it answers again.
        var here = await CreateAsync("here", "fake");
        One.Failures["MoveGuestAsync"] = (CloudException.Conflict(HostErrors.Unsettled, "Nobody knows."), 1);
        Two.Failures["EndArrivalAsync"] = (new CloudException(ErrorKind.Unavailable, "host-unreachable", "Away."), 2);
        var stayed = await MigrateAsync(here, new { host = "other" });
        stayed.GetProperty("host").GetString().ShouldBe("fake");
        StatusOf(stayed).ShouldBe("running");
        One.Calls.ShouldContain($"StayAsync {here}");

        // Nor did one that stood still, whose traces the new host has no room to take away at once.
        var rests = await CreateAsync("rests", "fake");
        await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{rests}/stop?wait=30");
        One.Failures["MoveGuestAsync"] = (CloudException.Conflict(HostErrors.NotMoved, "Its disk is full."), 1);
        Two.Failures["EndArrivalAsync"] = (CloudException.Conflict("disk-full", "The host's disk is full."), 1);
        StatusOf(await MigrateAsync(rests, new { host = "other" })).ShouldBe("stopped");
    }

    [Fact]
    public async Task Migrate_ThatIsCalledOff_EndsWhereItWas_AndShowsHowFarItIsMeanwhile()
    {
        var id = await CreateAsync("fickle", "fake");
        One.Moving = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (status, body) = await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/migrate", new { host = "other" }, Role.Admin);
        status.ShouldBe(HttpStatusCode.Accepted);
        StatusOf(body).ShouldBe("migrating");
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(One.Calls.Contains($"MoveGuestAsync {id}")));
        (await _compute.GetAsync($"/v1/instances/{id}/migration")).GetProperty("status").GetString().ShouldBe("running");
        (await RefusedAsync(id, new { host = "other" })).ShouldBe("wrong-status");

        var (_, stayed) = await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/migrate/cancel?wait=30", null, Role.Admin);
        StatusOf(stayed).ShouldBe("running");
        stayed.GetProperty("host").GetString().ShouldBe("fake");
        (await _compute.GetAsync($"/v1/instances/{id}/migration")).GetProperty("status").GetString().ShouldBe("cancelled");
        One.Moving = null;
    }

    [Theory]
    [InlineData("stop", "stopped")]
    [InlineData("suspend", "suspended")]
    public async Task Migrate_OfWhatDoesNotRun_TakesItAsItIs_AndItsVolumesAreHeldMeanwhile(string verb, string status)
    {
        var id = await CreateAsync($"rests-{verb}", "fake");
        await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/{verb}?wait=30");
        var moved = await MigrateAsync(id, new { host = "other" });
        StatusOf(moved).ShouldBe(status);
        moved.GetProperty("host").GetString().ShouldBe("other");
        _compute.Storage.Moves.Where(move => move.Contains(id)).TakeLast(2).ShouldBe([$"begin {id}", $"end {id} other"]);
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!One.Guests.ContainsKey(id)));

        // Back where it was, as what it was, where the way fails.
        Two.Failures["MoveGuestAsync"] = (CloudException.Conflict(HostErrors.NotMoved, "The disk is full."), 1);
        StatusOf(await MigrateAsync(id, new { host = "fake" })).ShouldBe(status);
        _compute.Storage.Moves.Last(move => move.Contains(id)).ShouldBe($"end {id} other");
    }

    [Fact]
    public async Task Migrate_OfWhatFailedBeforeItHadAGuest_TurnsTheRowAlone_AndOneWhoseGuestIsLostIsNotWaitedFor()
    {
        var id = await CreateAsync("hollow", "fake");
        await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/stop?wait=30");
        One.Failures["StartAsync"] = (CloudException.Conflict(HostErrors.Refused, "The kernel is none."), 1);
        StatusOf((await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/start?wait=30")).Body).ShouldBe("failed");
        await One.RemoveAsync(id, CancellationToken.None);
        var moved = await MigrateAsync(id, new { host = "other" });
        StatusOf(moved).ShouldBe("failed");
        moved.GetProperty("host").GetString().ShouldBe("other");
        moved.GetProperty("statusReason").GetString().ShouldBe("The kernel is none.");
        Two.Arrivals.ShouldNotContainKey(id);

        var lost = await CreateAsync("lost", "fake");
        await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{lost}/stop?wait=30");
        await One.RemoveAsync(lost, CancellationToken.None);
        StatusOf(await MigrateAsync(lost, new { host = "other" })).ShouldBe("failed");
        (await _compute.GetAsync($"/v1/instances/{lost}/migration")).GetProperty("status").GetString().ShouldBe("failed");
    }

    [Fact]
    public async Task Delete_OfWhatIsOnItsWay_IsRefused()
    {
        var id = await CreateAsync("underway", "fake");
        One.Moving = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/migrate", new { host = "other" }, Role.Admin);
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(One.Calls.Contains($"MoveGuestAsync {id}")));
        var (status, problem) = await _compute.SendAsync(HttpMethod.Delete, $"/v1/instances/{id}");
        status.ShouldBe(HttpStatusCode.Conflict);
        problem.GetProperty("code").GetString().ShouldBe("wrong-status");
        One.Moving.SetResult();
        await ComputeUnderTest.UntilAsync(async () => StatusOf(await _compute.GetAsync($"/v1/instances/{id}")) == "running");
        One.Moving = null;
        (await _compute.SendAsync(HttpMethod.Delete, $"/v1/instances/{id}?wait=30")).Status.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Drain_MovesAll_NamesWhatDoesNotGo_AndKeepsOthersAway_UntilItIsActive()
    {
        var running = await CreateAsync("runs", "fake");
        var stopped = await CreateAsync("stands", "fake");
        var failing = await CreateAsync("stays", "fake");
        await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{stopped}/stop?wait=30");
        One.Refuses[$"MoveGuestAsync {failing}"] = CloudException.Conflict(HostErrors.NotMoved, "Its guest changes memory too fast.");
        var (status, _) = await _compute.SendAsync(HttpMethod.Post, "/v1/hosts/fake/drain", null, Role.Admin);
        status.ShouldBe(HttpStatusCode.OK);
        await ComputeUnderTest.UntilAsync(async () => (await HostAsync("fake")).GetProperty("status").GetString() == "drained");
        var staying = (await HostAsync("fake")).GetProperty("drain").GetProperty("staying").EnumerateArray()
            .Select(one => one.GetProperty("id").GetString()).ToList();
        staying.ShouldContain(failing);
        staying.ShouldNotContain(running);
        staying.ShouldNotContain(stopped);
        One.Refuses.Clear();
        var there = await _compute.GetAsync($"/v1/instances/{stopped}");
        there.GetProperty("host").GetString().ShouldBe("other");
        StatusOf(there).ShouldBe("stopped");
        (await _compute.GetAsync($"/v1/instances/{running}")).GetProperty("host").GetString().ShouldBe("other");
        (await _compute.CreateAsync("later")).GetProperty("host").GetString().ShouldBe("other");
        (await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{running}/migrate", new { host = "fake" }, Role.Admin)).Body
            .GetProperty("detail").GetString()!.ShouldContain("drained");

        await _compute.SendAsync(HttpMethod.Post, "/v1/hosts/fake/activate", null, Role.Admin);
        var host = await HostAsync("fake");
        host.GetProperty("status").GetString().ShouldBe("up");
        host.GetProperty("drain").ValueKind.ShouldBe(JsonValueKind.Null);
        (await MigrateAsync(running, new { host = "fake" })).GetProperty("host").GetString().ShouldBe("fake");
    }

    /// <summary>Its last migration, or that there was none.</summary>
    private async Task<string> ShowAsync(string id)
    {
        var (status, shown) = await _compute.SendAsync(HttpMethod.Get, $"/v1/instances/{id}/migration");
        return status == HttpStatusCode.NotFound ? "none" : shown.ToString();
    }

    private static string StatusOf(JsonElement instance) => instance.GetProperty("status").GetString()!;

    private async Task<JsonElement> HostAsync(string name) =>
        (await _compute.SendAsync(HttpMethod.Get, $"/v1/hosts/{name}", null, Role.Admin)).Body;

    /// <summary>Placed, and then moved where a test wants it.</summary>
    private async Task<string> CreateAsync(string name, string host)
    {
        var made = await _compute.CreateAsync(name, new { type = "nano" });
        var id = made.GetProperty("id").GetString()!;
        if (made.GetProperty("host").GetString() != host)
        {
            (await MigrateAsync(id, new { host })).GetProperty("host").GetString().ShouldBe(host);
            await ComputeUnderTest.UntilAsync(() => Task.FromResult(!(host == "fake" ? Two : One).Guests.ContainsKey(id)));
        }

        return id;
    }

    private async Task<JsonElement> MigrateAsync(string id, object body)
    {
        var (status, instance) = await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/migrate?wait=30", body, Role.Admin);
        status.ShouldBe(HttpStatusCode.OK, instance.ToString());
        return instance;
    }

    private async Task<string> RefusedAsync(string id, object body)
    {
        var (status, problem) = await _compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/migrate", body, Role.Admin);
        status.ShouldBe(HttpStatusCode.Conflict, problem.ToString());
        return problem.GetProperty("code").GetString()!;
    }
}

/// <summary>The compute service with two hosts.</summary>
public sealed class TwoHostsUnderTest : IAsyncLifetime
{
    public ComputeUnderTest Compute { get; } = new() { Other = new FakeHost(TimeProvider.System, "other") };

    public async ValueTask InitializeAsync()
    {
        await Compute.InitializeAsync();
        (Compute.Host.Other, Compute.Other!.Other) = (Compute.Other, Compute.Host);
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(
            Compute.Services.GetRequiredService<HostDirectory>().Known.Count == 2));
    }

    public ValueTask DisposeAsync() => Compute.DisposeAsync();
}
