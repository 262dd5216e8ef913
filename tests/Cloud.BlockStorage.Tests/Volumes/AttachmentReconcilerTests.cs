using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Tests.Kit;
using Cloud.BlockStorage.Volumes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.BlockStorage.Tests.Volumes;

/// <summary>What a host that was away says otherwise than the rows is brought to what the rows say.</summary>
public sealed class AttachmentReconcilerTests(BlockStorages storages) : BlockStorageTest(storages.OnSqlite)
{
    [Fact]
    public async Task Volume_ThatItsHostGaveToAnother_IsTakenBack_AndOneThatItLost_IsGivenAgain()
    {
        var (free, attached, instance, other) = (await CreateAsync(), await CreateAsync(), AddInstance(), AddInstance());
        await AttachAsync(attached, instance);
        Hosts.Drift(free, other);
        Hosts.Drift(attached, null);

        // Nobody is judged by what is a moment old.
        await ReconcileAsync(TimeSpan.Zero);
        Hosts.PluggedOf(free)!.Instance.ShouldBe(other);
        Hosts.PluggedOf(attached).ShouldBeNull();

        await ReconcileAsync(TimeSpan.FromMinutes(5));
        Hosts.PluggedOf(free).ShouldBeNull();
        Hosts.PluggedOf(attached)!.Instance.ShouldBe(instance);
    }

    [Fact]
    public async Task Volume_ThatIsDeleted_IsRemovedFromAHostThatHasItStill()
    {
        var volume = await CreateAsync();
        var made = Hosts.VolumeOf(volume)!;
        await SendAsync(HttpMethod.Delete, $"/v1/volumes/{volume}?wait=60");
        await Hosts.PutAsync(made, default);
        await ReconcileAsync(TimeSpan.FromMinutes(5));
        Hosts.VolumeOf(volume).ShouldBeNull();
    }

    private Task ReconcileAsync(TimeSpan later) => new AttachmentReconciler(
        Storage.Services.GetRequiredService<IDbContextFactory<BlockStorageDbContext>>(), Hosts, new Later(later),
        NullLogger<AttachmentReconciler>.Instance).ReconcileAsync(default);

    private sealed class Later(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
    }
}
