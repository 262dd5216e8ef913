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
        (await service.AttachAsync(attachment, Ct)).ShouldBe(attached);
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
