using System.Net;
using System.Text.Json;
using Cloud.BlockStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Tests.Instances;

/// <summary>The volumes that an instance is created with.</summary>
public sealed class InstanceVolumeTests(ComputeUnderTest compute) : IClassFixture<ComputeUnderTest>
{
    [Fact]
    public async Task Create_WithVolumes_AttachesThemInOrder_BeforeTheFirstBoot()
    {
        var (first, second) = (compute.Storage.Add("first"), compute.Storage.Add("second"));
        var volumes = new object[] { new { volume = "second", readOnly = true, deleteOnTermination = true }, first };

        var made = await compute.CreateAsync("with-volumes", new { volumes });

        made.GetProperty("status").GetString().ShouldBe("running", made.ToString());
        var id = made.GetProperty("id").GetString()!;
        compute.Storage.Attachments.Where(one => one.Instance == id).ShouldBe(
        [
            new BlockAttachment("p-1", second, id, ReadOnly: true, DeleteOnTermination: true),
            new BlockAttachment("p-1", first, id, ReadOnly: false, DeleteOnTermination: false),
        ]);
        compute.Host.Calls.Where(call => call.EndsWith(id, StringComparison.Ordinal)).ShouldBe([$"DefineAsync {id}", $"StartAsync {id}"]);
    }

    [Fact]
    public async Task Start_AfterTheFirstOne_LeavesVolumesToAttachAndDetach()
    {
        var volume = compute.Storage.Add("once");
        var id = (await compute.CreateAsync("starts-twice", new { volumes = new[] { volume } })).GetProperty("id").GetString()!;
        await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/stop?wait=30");
        await compute.Storage.ReleaseAsync("p-1", id, TestContext.Current.CancellationToken);

        var (status, _) = await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/start?wait=30");

        status.ShouldBe(HttpStatusCode.OK);
        compute.Storage.VolumeOf(volume).Instance.ShouldBeNull();
    }

    [Fact]
    public async Task Create_WhoseVolumeIsNotAttached_FailsWithTheReason_AndTakesAllBack()
    {
        var (good, bad) = (compute.Storage.Add("good"), compute.Storage.Add("bad"));
        compute.Storage.Refusals[bad] = CloudException.Conflict("volume-in-use", "Somebody was faster.");
        var made = await compute.CreateAsync("refused-volume", new { volumes = new[] { good, bad } });

        made.GetProperty("status").GetString().ShouldBe("failed", made.ToString());
        made.GetProperty("statusReason").GetString()!.ShouldContain("Somebody was faster.");
        compute.Storage.VolumeOf(good).Instance.ShouldBeNull();
        compute.Host.Guests.ShouldNotContainKey(made.GetProperty("id").GetString()!);

        compute.Storage.Refusals.Clear();
        var id = made.GetProperty("id").GetString()!;
        await compute.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/start?wait=30");
        compute.Storage.VolumeOf(good).Instance.ShouldBe(id);
        compute.Storage.VolumeOf(bad).Instance.ShouldBe(id);
    }

    [Fact]
    public async Task Create_WithWhatIsNoFreeVolume_IsRefused_AndMakesNothing()
    {
        var free = compute.Storage.Add("free");
        var foreign = compute.Storage.Add("foreign", project: "p-2");
        compute.Storage.Add("taken", status: BlockVolume.Attached, instance: "i-other");
        compute.Storage.Add("making", status: "creating");
        compute.Storage.Add("elsewhere", host: "another");
        await RefusedAsync(["none"], HttpStatusCode.BadRequest, "volumes[0]");
        await RefusedAsync([free, foreign], HttpStatusCode.BadRequest, "volumes[1]");
        await RefusedAsync([free, "free"], HttpStatusCode.BadRequest, "volumes[1]");
        await RefusedAsync([null], HttpStatusCode.BadRequest, "volumes[0]");
        await RefusedAsync([""], HttpStatusCode.BadRequest, "volumes[0]");
        await RefusedAsync([.. Enumerable.Repeat<object>(free, 10)], HttpStatusCode.BadRequest, "volumes");
        await RefusedAsync([new { readOnly = true }], HttpStatusCode.BadRequest, null);
        await RefusedAsync([new { volume = free, mode = "fast" }], HttpStatusCode.BadRequest, null);
        var taken = await RefusedAsync(["taken"], HttpStatusCode.Conflict, null);
        taken.GetProperty("code").GetString().ShouldBe("volume-in-use");
        taken.GetProperty("instance").GetString().ShouldBe("i-other");
        (await RefusedAsync(["making"], HttpStatusCode.Conflict, null)).GetProperty("code").GetString().ShouldBe("volume-busy");
        (await RefusedAsync([free, "elsewhere"], HttpStatusCode.Conflict, null)).GetProperty("code").GetString()
            .ShouldBe("volume-elsewhere");
        (await RefusedAsync(["elsewhere"], HttpStatusCode.Conflict, null)).GetProperty("code").GetString().ShouldBe("no-capacity");
        compute.Storage.VolumeOf(free).Instance.ShouldBeNull();
    }

    private async Task<JsonElement> RefusedAsync(object?[] volumes, HttpStatusCode expected, string? field)
    {
        var (status, body) = await compute.SendAsync(HttpMethod.Post, "/v1/instances", new { name = "refused", image = "tiny", volumes });
        status.ShouldBe(expected, body.ToString());
        if (field is not null)
        {
            body.GetProperty("errors").TryGetProperty(field, out _).ShouldBeTrue(body.ToString());
        }

        return body;
    }
}
