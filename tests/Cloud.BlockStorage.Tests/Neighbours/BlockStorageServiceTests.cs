using Cloud.BlockStorage.Contracts;
using Cloud.BlockStorage.Tests.Kit;
using Cloud.Primitives;

namespace Cloud.BlockStorage.Tests.Neighbours;

public sealed class BlockStorageServiceTestsInProcess(BlockStorages storages)
    : BlockStorageServiceTests(storages.OnSqlite, storages.OnSqlite.InProcess);

public sealed class BlockStorageServiceTestsOverHttp(BlockStorages storages)
    : BlockStorageServiceTests(storages.OnPostgres, storages.OnPostgres.OverHttp);

/// <summary>What the cloud's other services ask of block storage.</summary>
public abstract class BlockStorageServiceTests(BlockStorageUnderTest storage, IBlockStorage service) : BlockStorageTest(storage)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Find_IsByIdOrName_InTheProjectOnly()
    {
        var name = NewName("vol");
        var id = await CreateAsync(new { name, sizeBytes = Mebibyte });
        (await service.FindVolumeAsync(Project, id, Ct))!.ShouldSatisfyAllConditions(
            found => found.Name.ShouldBe(name), found => found.Status.ShouldBe(BlockVolume.Available),
            found => found.SizeBytes.ShouldBe(Mebibyte), found => found.Host.ShouldBe(FakeVolumeHosts.Host));
        (await service.FindVolumeAsync(Project, name, Ct))!.Id.ShouldBe(id);
        (await service.FindVolumeAsync(NewName("prj"), id, Ct)).ShouldBeNull();
        (await service.FindVolumeAsync(Project, "a/../b?c=d", Ct)).ShouldBeNull();
    }

    [Fact]
    public async Task Attach_IsDoneWhenItAnswers_AndTwiceIsOnce()
    {
        var volume = await CreateAsync();
        var attachment = new BlockAttachment(Project, volume, AddInstance(), ReadOnly: true, DeleteOnTermination: true);
        var attached = await service.AttachAsync(attachment, Ct);
        attached.Status.ShouldBe(BlockVolume.Attached);
        attached.Instance.ShouldBe(attachment.Instance);
        Hosts.PluggedOf(volume)!.ReadOnly.ShouldBeTrue();
        (await service.AttachAsync(attachment, Ct)).ShouldBeEquivalentTo(attached);
        var other = attachment with { Instance = AddInstance() };
        (await Should.ThrowAsync<CloudException>(() => service.AttachAsync(other, Ct))).Code.ShouldBe("volume-in-use");
        (await Should.ThrowAsync<CloudException>(() => service.AttachAsync(other with { Volume = "none" }, Ct)))
            .Kind.ShouldBe(ErrorKind.NotFound);
    }

    [Fact]
    public async Task Attach_ThatTheHostRefuses_SaysWhy()
    {
        var volume = await CreateAsync();
        Hosts.Refusals[(nameof(Hosts.PlugAsync), volume)] = CloudException.Conflict("engine-refused", "There is no room for it.");
        var refused = await Should.ThrowAsync<CloudException>(
            () => service.AttachAsync(new BlockAttachment(Project, volume, AddInstance(), false, false), Ct));
        refused.Kind.ShouldBe(ErrorKind.Conflict);
        refused.Message.ShouldContain("There is no room for it.");
        StatusOf(await GetAsync($"/v1/volumes/{volume}")).ShouldBe("available");
    }

    [Fact]
    public async Task Volume_IsMadeWrittenSnapshottedClonedReadAndRemoved_EachTwiceAsOnce()
    {
        var asked = new NewBlockVolume(Project, NewName("vol"), 2 * Mebibyte);
        var volume = await service.CreateVolumeAsync(asked, Ct);
        (volume.Status, volume.SizeBytes).ShouldBe((BlockVolume.Available, 2 * Mebibyte));
        (await service.CreateVolumeAsync(asked, Ct)).ShouldBeEquivalentTo(volume);
        byte[] written = [1, 2, 3, 4];
        await service.WriteAsync(Project, volume.Id, Mebibyte, new MemoryStream(written), Ct);

        var names = new Dictionary<string, string> { [volume.Id] = NewName("snap") };
        var snapshot = (await service.SnapshotAsync(Project, names, Ct)).ShouldHaveSingleItem();
        snapshot.Status.ShouldBe("available");
        (await service.SnapshotAsync(Project, names, Ct)).ShouldBe([snapshot]);
        (await service.FindSnapshotAsync(Project, snapshot.Name, Ct)).ShouldBe(snapshot);
        (await service.ListChangesAsync(Project, snapshot.Id, null, 0, 10, Ct)).Extents.ShouldBe([new BlockExtent(Mebibyte, 1 << 16)]);
        await using (var content = await service.ReadAsync(Project, snapshot.Id, Mebibyte, 4, Ct))
        {
            var read = new byte[5];
            (await content.ReadAtLeastAsync(read, 5, throwOnEndOfStream: false, Ct)).ShouldBe(4);
            read[..4].ShouldBe(written);
        }

        var clone = await service.CreateVolumeAsync(new NewBlockVolume(Project, NewName("vol"), null, Snapshot: snapshot.Id), Ct);
        clone.Status.ShouldBe(BlockVolume.Available);
        await service.AttachAsync(new BlockAttachment(Project, clone.Id, AddInstance(), false, false), Ct);
        (await Should.ThrowAsync<CloudException>(() => service.DeleteVolumeAsync(Project, clone.Id, Ct))).Code.ShouldBe("volume-in-use");
        (await service.DetachAsync(Project, clone.Id, force: false, Ct)).Status.ShouldBe(BlockVolume.Available);
        (await service.DetachAsync(Project, clone.Id, force: false, Ct)).Status.ShouldBe(BlockVolume.Available);
        foreach (var id in new[] { clone.Id, volume.Id, volume.Id })
        {
            (await service.DeleteVolumeAsync(Project, id, Ct)).ShouldBeTrue();
        }

        (await service.DeleteSnapshotAsync(Project, snapshot.Id, Ct)).ShouldBeTrue();
        (await service.DeleteSnapshotAsync(Project, snapshot.Id, Ct)).ShouldBeTrue();
        (await service.FindVolumeAsync(Project, volume.Id, Ct)).ShouldBeNull();
    }

    [Fact]
    public async Task Log_IsRawAndWrittenThrough_AndLiesWhereItIsAskedTo()
    {
        var asked = new NewBlockVolume(Project, NewName("vol"), 2 * Mebibyte) { IsLog = true, Host = "host-of-its-data" };
        var log = await service.CreateVolumeAsync(asked, Ct);
        (log.Status, log.Host).ShouldBe((BlockVolume.Available, "host-of-its-data"));
        Hosts.VolumeOf(log.Id)!.ShouldSatisfyAllConditions(
            made => made.Host.ShouldBe("host-of-its-data"), made => made.Raw.ShouldBeTrue(), made => made.WriteThrough.ShouldBeTrue());
        (await GetAsync($"/v1/volumes/{log.Id}")).GetProperty("type").GetString().ShouldBe("log");
        (await service.DeleteVolumeAsync(Project, log.Id, Ct)).ShouldBeTrue();
    }

    [Fact]
    public async Task Release_FreesWhatTheInstanceHas_AndDeletesNone()
    {
        var instance = AddInstance();
        var (first, second, others) = (await CreateAsync(), await CreateAsync(), await CreateAsync());
        await service.AttachAsync(new BlockAttachment(Project, first, instance, false, DeleteOnTermination: true), Ct);
        await service.AttachAsync(new BlockAttachment(Project, second, instance, false, false), Ct);
        await service.AttachAsync(new BlockAttachment(Project, others, AddInstance(), false, false), Ct);
        await service.ReleaseAsync(Project, instance, Ct);
        await service.ReleaseAsync(Project, instance, Ct);
        StatusOf(await GetAsync($"/v1/volumes/{first}")).ShouldBe("available");
        StatusOf(await GetAsync($"/v1/volumes/{second}")).ShouldBe("available");
        StatusOf(await GetAsync($"/v1/volumes/{others}")).ShouldBe("attached");
    }
}
