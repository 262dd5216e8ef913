using System.Net;
using System.Text.Json;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.Tests.Images;

/// <summary>The control plane's part of warm images: what is kept of a boot, who goes on from it, and who boots and why.</summary>
public sealed class WarmImageTests : IAsyncLifetime
{
    private readonly ComputeUnderTest _compute = new();

    public ValueTask InitializeAsync() => _compute.InitializeAsync();

    public ValueTask DisposeAsync() => _compute.DisposeAsync();

    [Fact]
    public async Task Warm_BootsAGuestOnce_AndInstancesOfItsTypeGoOnFromThat()
    {
        var state = await WarmAsync();
        var id = state.GetProperty("id").GetString()!;
        state.GetProperty("type").GetString().ShouldBe("nano");
        state.GetProperty("engine").GetString().ShouldBe("emulation");
        state.GetProperty("storedBytes").GetInt64().ShouldBe(1000);
        _compute.Host.Guests.ShouldBeEmpty();
        _compute.Host.Calls.Where(call => call.StartsWith("StartAsync", StringComparison.Ordinal))
            .ShouldBe([$"StartAsync {id}", $"StartAsync {id}-trial"]);

        // Asked for once more, it is the same.
        (await WarmAsync()).GetProperty("id").GetString().ShouldBe(id);

        var made = await _compute.CreateAsync("goes-on", new { image = "forkable", userData = "#!/bin/sh\ntrue" });
        made.GetProperty("warm").GetBoolean().ShouldBeTrue(made.ToString());
        made.GetProperty("warmReason").GetString()!.ShouldContain("'nano'");
        var spec = _compute.Host.SpecOf(IdOf(made));
        (spec.ForkOf, spec.BeginsAnew, spec.UserData).ShouldBe((SnapshotOf(id), true, "#!/bin/sh\ntrue"));

        // What stays for others is not removed with the first that went on from it; what nothing needs is.
        _compute.Host.Snapshots["isnap-stray"] = new StoredGuestSnapshot("isnap-stray", "i-none", 1);
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!_compute.Host.Snapshots.ContainsKey("isnap-stray")));
        _compute.Host.Snapshots.ShouldContainKey(SnapshotOf(id));
    }

    [Fact]
    public async Task Create_OfAnotherKind_Boots_AndSaysWhy()
    {
        await WarmAsync();
        var larger = await _compute.CreateAsync("larger", new { image = "forkable", type = "micro" });
        larger.GetProperty("warm").GetBoolean().ShouldBeFalse();
        larger.GetProperty("warmReason").GetString()!.ShouldContain("is warm for nano by emulation on fake");
        _compute.Host.SpecOf(IdOf(larger)).ForkOf.ShouldBeNull();

        var cold = await _compute.CreateAsync("of-a-cold-image");
        cold.GetProperty("warm").GetBoolean().ShouldBeFalse();
        cold.GetProperty("warmReason").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Theory]
    [InlineData("StartAsync")]
    [InlineData("DefineAsync")]
    public async Task Create_ThatCannotGoOn_Boots_AndTheStateIsMadeAnew(string refused)
    {
        var before = IdOf(await WarmAsync());
        _compute.Host.Failures[refused] = (CloudException.Conflict(HostErrors.OtherVersion, "Kept by 7.2.1, and here is 7.2.2."), 1);
        var made = await _compute.CreateAsync("falls-back", new { image = "forkable" });
        made.GetProperty("status").GetString().ShouldBe("running", made.ToString());
        made.GetProperty("warm").GetBoolean().ShouldBeFalse();
        made.GetProperty("warmReason").GetString().ShouldBe("It boots: Kept by 7.2.1, and here is 7.2.2.");
        var spec = _compute.Host.SpecOf(IdOf(made));
        (spec.ForkOf, spec.BeginsAnew).ShouldBe((null, false));

        await UntilActiveAsync(id => id != before);
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!_compute.Host.Snapshots.ContainsKey(SnapshotOf(before))));
    }

    [Fact]
    public async Task State_OfAnImageBuiltAnew_OrLostByItsHost_IsMadeAnew()
    {
        var first = IdOf(await WarmAsync());
        await _compute.MoveImageAsync("forkable", "/elsewhere", guestAgent: true);
        var meanwhile = await _compute.CreateAsync("meanwhile", new { image = "forkable" });
        var second = await UntilActiveAsync(id => id != first);
        if (!meanwhile.GetProperty("warm").GetBoolean())
        {
            meanwhile.GetProperty("warmReason").GetString()!.ShouldStartWith("It boots:");
        }

        _compute.Host.Snapshots.TryRemove(SnapshotOf(second), out _).ShouldBeTrue();
        await UntilActiveAsync(id => id != second);
    }

    [Fact]
    public async Task State_ThatCannotBeMade_FailsWithTheReason_LeavesNothing_AndIsTriedAgain()
    {
        _compute.Host.Failures["SnapshotAsync"] = (CloudException.Conflict(HostErrors.Refused, "The host's disk is full."), 1);
        var (_, body) = await _compute.SendAsync(HttpMethod.Post, "/v1/images/forkable/warm?wait=30", new { }, Role.Admin);
        var failed = body.GetProperty("items")[0];
        failed.GetProperty("status").GetString().ShouldBe("failed");
        failed.GetProperty("statusReason").GetString()!.ShouldContain("disk is full");
        _compute.Host.Guests.ShouldBeEmpty();
        _compute.Host.Snapshots.ShouldBeEmpty();
        var booted = await _compute.CreateAsync("boots", new { image = "forkable" });
        booted.GetProperty("warmReason").GetString()!.ShouldContain("which is failed");
        await WarmAsync();
    }

    [Fact]
    public async Task Cool_RemovesIt_AndInstancesBoot()
    {
        var id = IdOf(await WarmAsync());
        foreach (var path in new[] { "/v1/images/forkable/warm?type=micro", "/v1/images/forkable/warm", "/v1/images/forkable/warm" })
        {
            var before = (await _compute.GetAsync("/v1/images/forkable/warm")).GetProperty("items").GetArrayLength();
            (await _compute.SendAsync(HttpMethod.Delete, path, role: Role.Admin)).Status.ShouldBe(HttpStatusCode.NoContent);
            (await _compute.GetAsync("/v1/images/forkable/warm")).GetProperty("items").GetArrayLength()
                .ShouldBe(path.Contains("micro", StringComparison.Ordinal) ? before : 0);
        }

        (await _compute.CreateAsync("after", new { image = "forkable" })).GetProperty("warm").GetBoolean().ShouldBeFalse();
        await ComputeUnderTest.UntilAsync(() => Task.FromResult(!_compute.Host.Snapshots.ContainsKey(SnapshotOf(id))));
    }

    [Fact]
    public async Task Warm_WhatIsWrong_IsNamed()
    {
        const string Path = "/v1/images/forkable/warm";
        (await _compute.SendAsync(HttpMethod.Post, Path, new { }, Role.Viewer)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await RefusedAsync(HttpMethod.Post, Path, new { }, Role.Editor, HttpStatusCode.Conflict)).ShouldBe("built-in");
        (await RefusedAsync(HttpMethod.Delete, Path, null, Role.Editor, HttpStatusCode.Conflict)).ShouldBe("built-in");
        (await RefusedAsync(HttpMethod.Post, "/v1/images/tiny/warm", null, Role.Admin, HttpStatusCode.Conflict))
            .ShouldBe("no-guest-agent");
        foreach (var body in new object[] { new { type = "none" }, new { engine = "container" } })
        {
            (await _compute.SendAsync(HttpMethod.Post, Path, body, Role.Admin)).Status.ShouldBe(HttpStatusCode.BadRequest, body.ToString());
        }

        (await RefusedAsync(HttpMethod.Post, Path, new { engine = "hardware" }, Role.Admin, HttpStatusCode.Conflict))
            .ShouldBe("no-capacity");
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post, HttpMethod.Delete })
        {
            (await _compute.SendAsync(method, "/v1/images/none/warm", method == HttpMethod.Post ? new { } : null, Role.Admin)).Status
                .ShouldBe(HttpStatusCode.NotFound);
        }
    }

    private static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;

    private static string SnapshotOf(string state) => $"{state}-state";

    private async Task<JsonElement> WarmAsync()
    {
        var (status, body) = await _compute.SendAsync(HttpMethod.Post, "/v1/images/forkable/warm?wait=60", new { }, Role.Admin);
        status.ShouldBe(HttpStatusCode.OK, body.ToString());
        var state = body.GetProperty("items")[0];
        state.GetProperty("status").GetString().ShouldBe("active", state.ToString());
        return state;
    }

    private async Task<string> UntilActiveAsync(Func<string, bool> isIt)
    {
        var found = "";
        await ComputeUnderTest.UntilAsync(async () =>
        {
            var state = (await _compute.GetAsync("/v1/images/forkable/warm")).GetProperty("items")[0];
            found = IdOf(state);
            return isIt(found) && state.GetProperty("status").GetString() == "active";
        });
        return found;
    }

    private async Task<string> RefusedAsync(HttpMethod method, string path, object? body, Role role, HttpStatusCode expected)
    {
        var (status, refused) = await _compute.SendAsync(method, path, body, role);
        status.ShouldBe(expected, refused.ToString());
        return refused.GetProperty("code").GetString()!;
    }
}
