using System.Net;
using System.Text.Json;
using Cloud.BlockStorage.Contracts;
using Cloud.BlockStorage.Snapshots;
using Cloud.BlockStorage.Tests.Kit;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.Testing;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Tests.Volumes;

public sealed class VolumeMigrationTestsOnSqlite(BlockStorages storages)
    : VolumeMigrationTests(storages.OnSqlite, storages.OnSqlite.InProcess);

public sealed class VolumeMigrationTestsOnPostgres(BlockStorages storages)
    : VolumeMigrationTests(storages.OnPostgres, storages.OnPostgres.OverHttp);

/// <summary>Volumes that go to other hosts: alone, with their instances, and off drained ones.</summary>
public abstract class VolumeMigrationTests(BlockStorageUnderTest storage, IBlockStorage service) : BlockStorageTest(storage)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Migrate_TakesADetachedVolumeAndItsSnapshots_AndItsHostForgetsIt()
    {
        var volume = await CreateAsync();
        var snapshot = await SnapshotAsync(volume);
        var moved = await MigrateAsync(volume, new { host = FakeVolumeHosts.Other });
        moved.Status.ShouldBe(HttpStatusCode.OK, moved.Body.ToString());
        moved.Body.GetProperty("host").GetString().ShouldBe(FakeVolumeHosts.Other);
        StatusOf(moved.Body).ShouldBe("available");
        Hosts.VolumeOf(volume)!.Host.ShouldBe(FakeVolumeHosts.Other);
        (await HostOfAsync(snapshot)).ShouldBe(FakeVolumeHosts.Other);
        await Eventually.HoldsAsync(
            () => Task.FromResult(Hosts.Forgotten.Contains($"{FakeVolumeHosts.Host} {volume}")), "the old host has forgotten it");
        Hosts.Forgotten.ShouldNotContain($"{FakeVolumeHosts.Other} {volume}");
        (await MigrateAsync(volume, null)).Body.GetProperty("host").GetString().ShouldBe(FakeVolumeHosts.Host);
    }

    [Fact]
    public async Task Migrate_OfWhatCannotGo_IsRefused_AndOneThatFailsStaysWhereItWas()
    {
        var volume = await CreateAsync();
        RefusalOf(await MigrateAsync(volume, new { host = FakeVolumeHosts.Host }), HttpStatusCode.Conflict).ShouldBe("already-there");
        (await PostAsync($"/v1/volumes/{volume}/migrate", new { })).Status.ShouldBe(HttpStatusCode.Forbidden, "an editor's");
        Hosts.Refusals[(nameof(Hosts.CopyToAsync), volume)] = CloudException.Conflict("not-moved", "There is no room for it.");
        var stayed = await MigrateAsync(volume, new { host = FakeVolumeHosts.Other });
        StatusOf(stayed.Body).ShouldBe("available");
        stayed.Body.GetProperty("host").GetString().ShouldBe(FakeVolumeHosts.Host);
        ReasonOf(stayed.Body)!.ShouldContain("no room");
        Hosts.Kept.ShouldContain($"{FakeVolumeHosts.Host} {volume}");
        await Eventually.HoldsAsync(
            () => Task.FromResult(Hosts.Forgotten.Contains($"{FakeVolumeHosts.Other} {volume}")), "nothing is left over there");
        await AttachAsync(volume, AddInstance());
        RefusalOf(await MigrateAsync(volume, new { host = FakeVolumeHosts.Other }), HttpStatusCode.Conflict).ShouldBe("volume-in-use");
    }

    [Fact]
    public async Task Move_WithAnInstance_HoldsItsVolumesUntilItIsOver()
    {
        var (volume, instance) = (await CreateAsync(), AddInstance());
        var snapshot = await SnapshotAsync(volume);
        await AttachAsync(volume, instance);
        await service.BeginMoveAsync(Project, instance, Ct);
        await service.BeginMoveAsync(Project, instance, Ct);
        StatusOf(await GetAsync($"/v1/volumes/{volume}")).ShouldBe("migrating");
        RefusalOf(await PostAsync("/v1/snapshots", new { name = NewName("snap"), volume }), HttpStatusCode.Conflict)
            .ShouldBe("volume-busy");
        RefusalOf(await PostAsync($"/v1/volumes/{volume}/detach", new { }), HttpStatusCode.Conflict).ShouldBe("volume-busy");
        await service.EndMoveAsync(Project, instance, FakeVolumeHosts.Other, Ct);
        await service.EndMoveAsync(Project, instance, FakeVolumeHosts.Host, Ct);
        var there = await GetAsync($"/v1/volumes/{volume}");
        StatusOf(there).ShouldBe("attached");
        there.GetProperty("host").GetString().ShouldBe(FakeVolumeHosts.Other);
        (await HostOfAsync(snapshot)).ShouldBe(FakeVolumeHosts.Other);
    }

    [Fact]
    public async Task Drain_TakesVolumesThatNoInstanceHas()
    {
        var drained = NewName("host");
        var free = await CreateAsync();
        await MigrateAsync(free, new { host = drained });
        Hosts.Drained.Add(drained);
        await Eventually.HoldsAsync(
            async () => (await GetAsync($"/v1/volumes/{free}")).GetProperty("host").GetString() == FakeVolumeHosts.Host, "it has left");
    }

    private Task<(HttpStatusCode Status, JsonElement Body)> MigrateAsync(string volume, object? body) =>
        SendAsync(HttpMethod.Post, $"/v1/volumes/{volume}/migrate?wait=30", body, Role.Admin);

    private async Task<string> HostOfAsync(string snapshot)
    {
        await using var db = await Storage.OpenDbAsync();
        SnapshotId.TryParse(snapshot, out var id).ShouldBeTrue();
        return (await db.Snapshots.AsNoTracking().SingleAsync(row => row.Id == id, Ct)).HostName;
    }
}
