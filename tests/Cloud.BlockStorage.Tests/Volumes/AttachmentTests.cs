using System.Net;
using System.Text.Json;
using Cloud.BlockStorage.Tests.Kit;
using Cloud.Primitives;

namespace Cloud.BlockStorage.Tests.Volumes;

public sealed class AttachmentTestsOnSqlite(BlockStorages storages) : AttachmentTests(storages.OnSqlite);

public sealed class AttachmentTestsOnPostgres(BlockStorages storages) : AttachmentTests(storages.OnPostgres);

/// <summary>A volume's way to an instance and back, with all that can come between.</summary>
public abstract class AttachmentTests(BlockStorageUnderTest storage) : BlockStorageTest(storage)
{
    [Fact]
    public async Task Attach_PlugsTheVolume_AndSaysWhereTheGuestFindsIt()
    {
        var volume = await CreateAsync(
            new { name = "limited", sizeBytes = Mebibyte, operationsPerSecond = 3000, bytesPerSecond = 125 * Mebibyte });
        var instance = AddInstance();
        var attached = await AttachAsync(volume, instance, new { instance, readOnly = true });
        StatusOf(attached).ShouldBe("attached");
        var attachment = attached.GetProperty("attachment");
        attachment.GetProperty("instance").GetString().ShouldBe(instance);
        attachment.GetProperty("readOnly").GetBoolean().ShouldBeTrue();
        attachment.GetProperty("device").GetString().ShouldBe($"/dev/disk/by-id/virtio-{attachment.GetProperty("serial").GetString()}");
        Hosts.PluggedOf(volume)!.ShouldSatisfyAllConditions(
            plugged => plugged.Instance.ShouldBe(instance),
            plugged => plugged.ReadOnly.ShouldBeTrue(),
            plugged => plugged.OperationsPerSecond.ShouldBe(3000),
            plugged => plugged.BytesPerSecond.ShouldBe(125 * Mebibyte));
    }

    [Fact]
    public async Task Attach_OfAVolumeWithoutLimits_HasNone()
    {
        var volume = await CreateAsync();
        await AttachAsync(volume, AddInstance());
        Hosts.PluggedOf(volume)!.OperationsPerSecond.ShouldBeNull();
        Hosts.PluggedOf(volume)!.BytesPerSecond.ShouldBeNull();
    }

    [Fact]
    public async Task Attach_ToTwoAtOnce_IsWonByOne_AndTheOtherIsToldByWhom()
    {
        for (var round = 0; round < 10; round++)
        {
            var volume = await CreateAsync();
            string[] instances = [AddInstance(), AddInstance()];
            var answers = await Task.WhenAll(instances.Select(instance => PostAsync($"/v1/volumes/{volume}/attach", new { instance })));
            answers.Select(answer => answer.Status).Order().ShouldBe([HttpStatusCode.Accepted, HttpStatusCode.Conflict]);
            var winner = instances[answers[0].Status == HttpStatusCode.Accepted ? 0 : 1];
            var refused = answers.Single(answer => answer.Status == HttpStatusCode.Conflict);
            RefusalOf(refused, HttpStatusCode.Conflict).ShouldBe("volume-in-use");
            refused.Body.GetProperty("instance").GetString().ShouldBe(winner);
            await UntilAsync(volume, "attached");
            Hosts.PluggedOf(volume)!.Instance.ShouldBe(winner);
        }
    }

    [Fact]
    public async Task Attach_ToWhatCannotHaveIt_IsRefused()
    {
        var volume = await CreateAsync();
        var foreign = Hosts.AddInstance(NewName("prj"), NewName("i"));
        var going = Hosts.AddInstance(Project, NewName("i"), goes: true);
        ShouldName(await PostAsync($"/v1/volumes/{volume}/attach", new { }), "instance");
        ShouldName(await PostAsync($"/v1/volumes/{volume}/attach", new { instance = "i-none" }), "instance");
        ShouldName(await PostAsync($"/v1/volumes/{volume}/attach", new { instance = foreign }), "instance");
        RefusalOf(await PostAsync($"/v1/volumes/{volume}/attach", new { instance = going }), HttpStatusCode.Conflict)
            .ShouldBe("instance-deleting");
        StatusOf(await GetAsync($"/v1/volumes/{volume}")).ShouldBe("available");
    }

    [Fact]
    public async Task Attach_ToAnInstanceOfAnotherHost_IsRefusedAtOnce()
    {
        var volume = await CreateAsync();
        var instance = Hosts.AddInstance(Project, NewName("i"), host: "host-2");
        RefusalOf(await PostAsync($"/v1/volumes/{volume}/attach", new { instance }), HttpStatusCode.Conflict).ShouldBe("volume-elsewhere");
        StatusOf(await GetAsync($"/v1/volumes/{volume}")).ShouldBe("available");
    }

    [Fact]
    public async Task Attach_ThatTheHostRefuses_LeavesTheVolumeFree_AndSaysWhy()
    {
        var (volume, instance) = (await CreateAsync(), AddInstance());
        Hosts.Refusals[("PlugAsync", volume)] = CloudException.Conflict("engine-refused", "There is no slot left.");
        var refused = await AttachAsync(volume, instance);
        StatusOf(refused).ShouldBe("available");
        ReasonOf(refused)!.ShouldContain("There is no slot left.");
        refused.GetProperty("attachment").ValueKind.ShouldBe(JsonValueKind.Null);
        Hosts.PluggedOf(volume).ShouldBeNull();
        StatusOf(await AttachAsync(volume, instance)).ShouldBe("attached");
        ReasonOf(await GetAsync($"/v1/volumes/{volume}")).ShouldBeNull();
    }

    [Fact]
    public async Task Attach_WhileTheHostIsAway_GoesOnWhenItIsBack()
    {
        var (volume, instance) = (await CreateAsync(), AddInstance());
        Hosts.Refusals[("PlugAsync", volume)] = new CloudException(ErrorKind.Unavailable, "host-unreachable", "Away.");
        StatusOf(await AttachAsync(volume, instance)).ShouldBe("attached");
    }

    [Fact]
    public async Task Detach_Unplugs_AndASecondOneIsRefused()
    {
        var (volume, instance) = (await CreateAsync(), AddInstance());
        await AttachAsync(volume, instance);
        var (status, detached) = await PostAsync($"/v1/volumes/{volume}/detach?wait=60");
        status.ShouldBe(HttpStatusCode.OK, detached.ToString());
        StatusOf(detached).ShouldBe("available");
        Hosts.PluggedOf(volume).ShouldBeNull();
        (await PostAsync($"/v1/volumes/{volume}/detach")).Status.ShouldBe(HttpStatusCode.Conflict);
        StatusOf(await AttachAsync(volume, AddInstance())).ShouldBe("attached");
    }

    [Fact]
    public async Task Detach_ThatTheGuestRefuses_StaysAttachedWithTheReason_AndByForceIsDone()
    {
        var (volume, instance) = (await CreateAsync(), AddInstance());
        await AttachAsync(volume, instance);
        Hosts.Refusals[("UnplugAsync", volume)] = CloudException.Conflict("volume-held", "The guest has not let go of it.");
        var (_, held) = await PostAsync($"/v1/volumes/{volume}/detach?wait=60");
        StatusOf(held).ShouldBe("attached");
        ReasonOf(held)!.ShouldContain("has not let go");
        Hosts.PluggedOf(volume)!.Instance.ShouldBe(instance);

        StatusOf((await PostAsync($"/v1/volumes/{volume}/detach?wait=60", new { force = true })).Body).ShouldBe("available");
        Hosts.Unplugs.Where(unplug => unplug.Volume == volume).Select(unplug => unplug.Force).ShouldBe([true]);
        Hosts.PluggedOf(volume).ShouldBeNull();
    }

    [Fact]
    public async Task AttachedVolume_CannotBeDeletedOrRestored_ButGrows()
    {
        var (volume, instance) = (await CreateAsync(), AddInstance());
        var snapshot = await SnapshotAsync(volume);
        await AttachAsync(volume, instance);
        var deleted = await SendAsync(HttpMethod.Delete, $"/v1/volumes/{volume}");
        RefusalOf(deleted, HttpStatusCode.Conflict).ShouldBe("volume-in-use");
        deleted.Body.GetProperty("instance").GetString().ShouldBe(instance);
        (await PostAsync($"/v1/volumes/{volume}/restore", new { snapshot })).Status.ShouldBe(HttpStatusCode.Conflict);
        var (_, grown) = await PostAsync($"/v1/volumes/{volume}/resize?wait=60", new { sizeBytes = 16 * Mebibyte });
        StatusOf(grown).ShouldBe("attached");
        Hosts.VolumeOf(volume)!.SizeBytes.ShouldBe(16 * Mebibyte);
    }

    [Fact]
    public async Task DeletedInstance_LeavesItsVolumes_AndTakesThoseThatGoWithIt()
    {
        var (stays, goes, instance) = (await CreateAsync(), await CreateAsync(), AddInstance());
        await AttachAsync(stays, instance);
        await AttachAsync(goes, instance, new { instance, deleteOnTermination = true });
        await Storage.DeleteInstanceAsync(Project, instance);
        await UntilAsync(stays, "available");
        await UntilGoneAsync(goes);
        Hosts.VolumeOf(stays).ShouldNotBeNull();
        Hosts.VolumeOf(goes).ShouldBeNull();
    }

    [Fact]
    public async Task DeletedInstance_WhileAVolumeThatGoesWithItGrows_TakesItAfterwards()
    {
        var (volume, instance) = (await CreateAsync(), AddInstance());
        await AttachAsync(volume, instance, new { instance, deleteOnTermination = true });
        Hosts.Refusals[("PutAsync", volume)] = new CloudException(ErrorKind.Unavailable, "host-unreachable", "Away.");
        await PostAsync($"/v1/volumes/{volume}/resize", new { sizeBytes = 16 * Mebibyte });
        await Storage.DeleteInstanceAsync(Project, instance);
        await UntilGoneAsync(volume);
        Hosts.VolumeOf(volume).ShouldBeNull();
    }

    [Fact]
    public async Task DeletedInstance_OfAProtectedVolume_LeavesIt()
    {
        var (volume, instance) = (await CreateAsync(), AddInstance());
        await AttachAsync(volume, instance, new { instance, deleteOnTermination = true });
        await SendAsync(HttpMethod.Patch, $"/v1/volumes/{volume}", new { deletionProtection = true });
        await Storage.DeleteInstanceAsync(Project, instance);
        await UntilAsync(volume, "available");
        Hosts.VolumeOf(volume).ShouldNotBeNull();
    }
}
