using System.Net;
using System.Text.Json;
using Cloud.BlockStorage.Tests.Kit;
using Cloud.Primitives;
using Cloud.Testing;

namespace Cloud.BlockStorage.Tests.Snapshots;

public sealed class SnapshotTestsOnSqlite(BlockStorages storages) : SnapshotTests(storages.OnSqlite);

public sealed class SnapshotTestsOnPostgres(BlockStorages storages) : SnapshotTests(storages.OnPostgres);

/// <summary>Snapshots, and volumes made of them and brought back to them.</summary>
public abstract class SnapshotTests(BlockStorageUnderTest storage) : BlockStorageTest(storage)
{
    [Fact]
    public async Task Snapshots_OfSeveralVolumes_AreTakenInOneCall_OrNone()
    {
        var instance = AddInstance();
        string[] volumes = [await CreateAsync(), await CreateAsync()];
        foreach (var volume in volumes)
        {
            await AttachAsync(volume, instance);
        }

        var name = NewName("group");
        var (status, made) = await PostAsync("/v1/snapshots?wait=60", new { name, volumes });
        status.ShouldBe(HttpStatusCode.Created, made.ToString());
        var items = made.GetProperty("items").EnumerateArray().ToList();
        items.Select(StatusOf).ShouldBe(["available", "available"]);
        items.Select(one => one.GetProperty("name").GetString()).ShouldBe([$"{name}-1", $"{name}-2"]);
        items.Select(one => Hosts.SnapshotOf(IdOf(one))).ShouldBe(volumes);

        var free = await CreateAsync();
        var mixed = await PostAsync("/v1/snapshots", new { name = NewName("group"), volumes = new[] { volumes[0], free } });
        RefusalOf(mixed, HttpStatusCode.Conflict).ShouldBe("not-one-instance");
        ShouldName(await PostAsync("/v1/snapshots", new { name, volume = free, volumes }), "volume");
        ShouldName(await PostAsync("/v1/snapshots", new { name }), "volume");
        ShouldName(await PostAsync("/v1/snapshots", new { name, volumes = Array.Empty<string>() }), "volumes");
        ShouldName(await PostAsync("/v1/snapshots", new { name, volumes = new[] { free, "vol-none" } }), "volumes[1]");
        ShouldName(await PostAsync("/v1/snapshots", new { name, volumes = new[] { free, free } }), "volumes");
    }

    [Fact]
    public async Task Snapshot_IsRenamedAndLabelled()
    {
        var volume = await CreateAsync();
        var (first, second) = (await SnapshotAsync(volume), await SnapshotAsync(volume));
        var name = NewName("renamed");
        var (status, patched) = await SendAsync(
            HttpMethod.Patch, $"/v1/snapshots/{first}", new { name, labels = new Dictionary<string, string?> { ["kept"] = "yes" } });
        status.ShouldBe(HttpStatusCode.OK, patched.ToString());
        patched.GetProperty("name").GetString().ShouldBe(name);
        patched.GetProperty("labels").GetProperty("kept").GetString().ShouldBe("yes");
        var taken = await SendAsync(HttpMethod.Patch, $"/v1/snapshots/{second}", new { name });
        RefusalOf(taken, HttpStatusCode.Conflict).ShouldBe("name-taken");
        ShouldName(await SendAsync(HttpMethod.Patch, $"/v1/snapshots/{second}", new { name = "No Name" }), "name");
    }

    [Fact]
    public async Task Snapshot_OutlivesItsVolume_AndMakesAnother()
    {
        var volume = await CreateAsync();
        var snapshot = await SnapshotAsync(volume);
        (await SendAsync(HttpMethod.Delete, $"/v1/volumes/{volume}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);
        var shown = await GetAsync($"/v1/snapshots/{snapshot}");
        shown.GetProperty("volume").GetString().ShouldBe(volume);
        shown.GetProperty("sizeBytes").GetInt64().ShouldBe(8 * Mebibyte);
        shown.GetProperty("fileSystemsFrozen").GetBoolean().ShouldBeFalse();

        var copy = await CreateAsync(new { name = "copy", snapshot });
        Hosts.VolumeOf(copy)!.Snapshot.ShouldBe(snapshot);
    }

    [Fact]
    public async Task Snapshot_OfAnAttachedVolume_SaysThatTheGuestHeldStill()
    {
        var volume = await CreateAsync();
        await AttachAsync(volume, AddInstance());
        (await GetAsync($"/v1/snapshots/{await SnapshotAsync(volume)}")).GetProperty("fileSystemsFrozen").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task Snapshot_OfWhatIsNone_NamesTheField()
    {
        var volume = await CreateAsync();
        ShouldName(await PostAsync("/v1/snapshots", new { name = "none", volume = "vol-none" }), "volume");
        ShouldName(await PostAsync("/v1/snapshots", new { name = "Not A Name", volume }), "name");
        ShouldName(
            await SendAsync(HttpMethod.Post, "/v1/snapshots", new { name = "stolen", volume }, project: NewName("prj")), "volume");
    }

    [Fact]
    public async Task Snapshot_Deleted_IsGoneFromItsHost_AndASecondDeleteAgrees()
    {
        var snapshot = await SnapshotAsync(await CreateAsync());
        (await SendAsync(HttpMethod.Delete, $"/v1/snapshots/{snapshot}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);
        Hosts.SnapshotOf(snapshot).ShouldBeNull();
        (await SendAsync(HttpMethod.Get, $"/v1/snapshots/{snapshot}")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await SendAsync(HttpMethod.Delete, $"/v1/snapshots/{snapshot}")).Status.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Restore_KeepsWhatTheVolumeHeld_AndARestoreOfThatUndoesIt()
    {
        var volume = await CreateAsync();
        var snapshot = await SnapshotAsync(volume);
        await PostAsync($"/v1/volumes/{volume}/resize?wait=60", new { sizeBytes = 16 * Mebibyte });

        var (status, restored) = await PostAsync($"/v1/volumes/{volume}/restore?wait=60", new { snapshot });
        status.ShouldBe(HttpStatusCode.OK, restored.ToString());
        StatusOf(restored).ShouldBe("available");
        restored.GetProperty("sizeBytes").GetInt64().ShouldBe(8 * Mebibyte);
        var before = await SafetyAsync();
        StatusOf(before).ShouldBe("available");
        Hosts.SnapshotOf(IdOf(before)).ShouldBe(volume);

        var (_, undone) = await PostAsync($"/v1/volumes/{volume}/undo-restore?wait=60");
        StatusOf(undone).ShouldBe("available");
        undone.GetProperty("sizeBytes").GetInt64().ShouldBe(16 * Mebibyte);
        Hosts.Restores.Where(restore => restore.Volume == volume).Select(restore => restore.Snapshot).ShouldBe([snapshot, IdOf(before)]);
    }

    [Fact]
    public async Task UndoRestore_WithNothingToUndo_IsRefused()
    {
        var volume = await CreateAsync();
        RefusalOf(await PostAsync($"/v1/volumes/{volume}/undo-restore"), HttpStatusCode.Conflict).ShouldBe("nothing-to-undo");
        await PostAsync($"/v1/volumes/{volume}/restore?wait=60", new { snapshot = await SnapshotAsync(volume) });
        await SendAsync(HttpMethod.Delete, $"/v1/snapshots/{IdOf(await SafetyAsync())}?wait=60");
        RefusalOf(await PostAsync($"/v1/volumes/{volume}/undo-restore"), HttpStatusCode.Conflict).ShouldBe("nothing-to-undo");
    }

    [Fact]
    public async Task Restore_WhoseSafetySnapshotIsRefused_LeavesTheVolume_AndASnapshotThatCanBeDeleted()
    {
        var volume = await CreateAsync();
        var snapshot = await SnapshotAsync(volume);
        Hosts.Refusals[("SnapshotAsync", volume)] = CloudException.Conflict("no-space", "The host's disk is full.");
        var (_, refused) = await PostAsync($"/v1/volumes/{volume}/restore?wait=60", new { snapshot });
        StatusOf(refused).ShouldBe("available");
        ReasonOf(refused)!.ShouldContain("The host's disk is full.");
        Hosts.Restores.ShouldNotContain(restore => restore.Volume == volume);
        await Eventually.HoldsAsync(async () => StatusOf(await SafetyAsync()) == "failed", "the safety snapshot failed");
        (await SendAsync(HttpMethod.Delete, $"/v1/snapshots/{IdOf(await SafetyAsync())}?wait=60")).Status
            .ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Restore_ToASmallerSnapshot_GivesBytesBackWhenItIsDone_SoThatARefusedOneHasThemStill()
    {
        await LimitAsync("volumeBytes", 16 * Mebibyte);
        var volume = await CreateAsync();
        var snapshot = await SnapshotAsync(volume);
        await PostAsync($"/v1/volumes/{volume}/resize?wait=60", new { sizeBytes = 16 * Mebibyte });
        var held = new TaskCompletionSource();
        Hosts.Waits["RestoreAsync"] = held.Task;
        Hosts.Refusals[("RestoreAsync", volume)] = CloudException.Conflict("no-space", "The host's disk is full.");

        await PostAsync($"/v1/volumes/{volume}/restore", new { snapshot });
        var other = await PostAsync("/v1/volumes", new { name = "other", sizeBytes = Mebibyte });
        Hosts.Waits.TryRemove("RestoreAsync", out _);
        held.SetResult();

        RefusalOf(other, HttpStatusCode.Conflict).ShouldBe("quota-exceeded");
        await UntilAsync(volume, "available");
        (await GetAsync($"/v1/volumes/{volume}")).GetProperty("sizeBytes").GetInt64().ShouldBe(16 * Mebibyte);
        (await PostAsync($"/v1/volumes/{volume}/restore?wait=60", new { snapshot })).Status.ShouldBe(HttpStatusCode.OK);
        await CreateAsync(new { name = "other", sizeBytes = 8 * Mebibyte });
    }

    [Fact]
    public async Task Restore_ToAnotherVolumesSnapshot_NamesTheField()
    {
        var (volume, other) = (await CreateAsync(), await CreateAsync());
        ShouldName(await PostAsync($"/v1/volumes/{volume}/restore", new { snapshot = await SnapshotAsync(other) }), "snapshot");
        StatusOf(await GetAsync($"/v1/volumes/{volume}")).ShouldBe("available");
    }

    private async Task<JsonElement> SafetyAsync() => (await GetAsync("/v1/snapshots")).GetProperty("items").EnumerateArray()
        .First(snapshot => snapshot.GetProperty("name").GetString()!.StartsWith("before-restore-", StringComparison.Ordinal));
}
