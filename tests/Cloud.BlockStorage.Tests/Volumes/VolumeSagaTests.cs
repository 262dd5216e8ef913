using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.BlockStorage.Tests.Kit;
using Cloud.BlockStorage.Volumes;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.Testing.Sagas;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.BlockStorage.Tests.Volumes;

public sealed class VolumeCreateSagaTests(BlockStorages storages) : SagaContract<VolumeSagaData>
{
    protected override async Task<SagaTrial<VolumeSagaData>> ArrangeAsync() =>
        await VolumeTrial.ArrangeAsync(storages.OnSqlite, steps => new VolumeCreateSaga(steps), (_, _) => { }, trial =>
        {
            trial.Row.Status.ShouldBe(VolumeStatus.Available);
            trial.Hosts.VolumeOf(trial.Row.Id.Value).ShouldNotBeNull();
        }, trial =>
        {
            // What was said to be there stays there: no row is available whose bytes were taken back.
            trial.Row.Status.ShouldBeOneOf(VolumeStatus.Failed, VolumeStatus.Available);
            (trial.Hosts.VolumeOf(trial.Row.Id.Value) is not null).ShouldBe(trial.Row.Status == VolumeStatus.Available);
        });
}

public sealed class VolumeAttachSagaTests(BlockStorages storages) : SagaContract<VolumeSagaData>
{
    protected override async Task<SagaTrial<VolumeSagaData>> ArrangeAsync() =>
        await VolumeTrial.ArrangeAsync(storages.OnSqlite, steps => new VolumeAttachSaga(steps), (volume, now) =>
        {
            volume.GoesTo(FakeVolumeHosts.Host, now);
            volume.Settles(now);
            volume.BeginAttach(VolumeTrial.InstanceOf(volume), readOnly: false, deleteOnTermination: false, now);
        }, trial =>
        {
            trial.Row.Status.ShouldBe(VolumeStatus.Attached);
            trial.Hosts.PluggedOf(trial.Row.Id.Value)!.Instance.ShouldBe(VolumeTrial.InstanceOf(trial.Row));
        }, trial =>
        {
            trial.Row.Status.ShouldBeOneOf(VolumeStatus.Available, VolumeStatus.Attached);
            (trial.Hosts.PluggedOf(trial.Row.Id.Value) is not null).ShouldBe(trial.Row.Status == VolumeStatus.Attached);
            (trial.Row.Instance is not null).ShouldBe(trial.Row.Status == VolumeStatus.Attached);
        });
}

public sealed class VolumeDetachSagaTests(BlockStorages storages) : SagaContract<VolumeSagaData>
{
    protected override async Task<SagaTrial<VolumeSagaData>> ArrangeAsync()
    {
        var trial = await VolumeTrial.ArrangeAsync(storages.OnSqlite, steps => new VolumeDetachSaga(steps), (volume, now) =>
        {
            VolumeTrial.Settle(volume, now);
            volume.BeginAttach(VolumeTrial.InstanceOf(volume), readOnly: false, deleteOnTermination: false, now);
            volume.Settles(now);
            volume.BeginDetach(now);
        }, trial =>
        {
            trial.Row.Status.ShouldBe(VolumeStatus.Available);
            trial.Row.Instance.ShouldBeNull();
            trial.Hosts.PluggedOf(trial.Row.Id.Value).ShouldBeNull();
        }, trial =>
        {
            // Asked again, it is taken from an instance that has lost it already.
            trial.Row.Status.ShouldBeOneOf(VolumeStatus.Attached, VolumeStatus.Available);
            (trial.Row.Instance is not null).ShouldBe(trial.Row.Status == VolumeStatus.Attached);
        });
        var row = trial.Row;
        await trial.Hosts.PlugAsync(new PluggedVolume(row.Instance!, row.HostName!, row.Id.Value, false), default);
        return trial;
    }
}

public sealed class VolumeResizeSagaTests(BlockStorages storages) : SagaContract<VolumeSagaData>
{
    protected override async Task<SagaTrial<VolumeSagaData>> ArrangeAsync() =>
        await VolumeTrial.ArrangeAsync(storages.OnSqlite, steps => new VolumeResizeSaga(steps), (volume, now) =>
        {
            VolumeTrial.Settle(volume, now);
            volume.BeginResize(4 << 20, now);
        }, trial =>
        {
            trial.Row.Status.ShouldBe(VolumeStatus.Available);
            trial.Row.SizeBytes.ShouldBe(4 << 20);
            trial.Hosts.VolumeOf(trial.Row.Id.Value)!.SizeBytes.ShouldBe(4 << 20);
        }, trial =>
        {
            trial.Row.Status.ShouldBe(VolumeStatus.Available);
            trial.Hosts.VolumeOf(trial.Row.Id.Value)!.SizeBytes.ShouldBeGreaterThanOrEqualTo(trial.Row.SizeBytes);
        });
}

public sealed class VolumeDeleteSagaTests(BlockStorages storages) : SagaContract<VolumeSagaData>
{
    protected override async Task<SagaTrial<VolumeSagaData>> ArrangeAsync() =>
        await VolumeTrial.ArrangeAsync(storages.OnSqlite, steps => new VolumeDeleteSaga(steps), (volume, now) =>
        {
            VolumeTrial.Settle(volume, now);
            volume.BeginDelete(now);
        }, trial =>
        {
            trial.Row.Status.ShouldBe(VolumeStatus.Deleted);
            trial.Hosts.VolumeOf(trial.Row.Id.Value).ShouldBeNull();
        }, trial =>
        {
            // A failed one can be deleted again.
            trial.Row.Status.ShouldBeOneOf(VolumeStatus.Failed, VolumeStatus.Deleted);
            (trial.Row.Status == VolumeStatus.Deleted && trial.Hosts.VolumeOf(trial.Row.Id.Value) is not null).ShouldBeFalse();
        });
}

public sealed class VolumeRestoreSagaTests(BlockStorages storages) : SagaContract<VolumeSagaData>
{
    protected override async Task<SagaTrial<VolumeSagaData>> ArrangeAsync()
    {
        Snapshot? kept = null, safety = null;
        var trial = await VolumeTrial.ArrangeAsync(storages.OnSqlite, steps => new VolumeRestoreSaga(steps), (volume, now) =>
        {
            VolumeTrial.Settle(volume, now);
            kept = VolumeTrial.SnapshotOf(volume, "kept", now);
            kept.IsTaken(volume.SizeBytes, false, now);
            safety = VolumeTrial.SnapshotOf(volume, "safety", now);
            volume.BeginRestore(kept.SizeBytes, now);
        }, trial =>
        {
            trial.Row.Status.ShouldBe(VolumeStatus.Available);
            trial.Row.BeforeRestore.ShouldBe(safety!.Id);
            trial.Hosts.Restores.ShouldContain((trial.Row.Id.Value, kept!.Id.Value));
            trial.Hosts.SnapshotOf(safety.Id.Value).ShouldBe(trial.Row.Id.Value);
        }, trial =>
        {
            // What it was before is kept wherever it may be something else now.
            trial.Row.Status.ShouldBe(VolumeStatus.Available);
            (trial.Hosts.Restores.Contains((trial.Row.Id.Value, kept!.Id.Value)) && trial.Hosts.SnapshotOf(safety!.Id.Value) is null)
                .ShouldBeFalse();
        });
        await trial.AddAsync(kept!, safety!);
        await trial.Hosts.SnapshotAsync(
            FakeVolumeHosts.Host, new Dictionary<string, string> { [trial.Row.Id.Value] = kept!.Id.Value }, default);
        trial.Carry(new VolumeSagaData(trial.Row.Id, Snapshot: kept.Id, Safety: safety!.Id));
        return trial;
    }
}

/// <summary>A service's volume in the middle of a saga, stepped through by the contract instead of by the runner.</summary>
internal sealed class VolumeTrial : SagaTrial<VolumeSagaData>
{
    private readonly BlockStorageUnderTest _storage;
    private readonly AsyncServiceScope _scope;
    private readonly Func<VolumeSteps, Saga<VolumeSagaData>> _sagaOf;
    private readonly Action<VolumeTrial> _assertDone;
    private readonly Action<VolumeTrial> _assertUndone;
    private VolumeSagaData? _data;

    private VolumeTrial(
        BlockStorageUnderTest storage, Volume row, Func<VolumeSteps, Saga<VolumeSagaData>> sagaOf, Action<VolumeTrial> assertDone,
        Action<VolumeTrial> assertUndone)
    {
        (_storage, Row, _sagaOf, _assertDone, _assertUndone) = (storage, row, sagaOf, assertDone, assertUndone);
        _scope = storage.Services.CreateAsyncScope();
    }

    public FakeVolumeHosts Hosts => _storage.Hosts;

    /// <summary>As it is in the database when something is asserted.</summary>
    public Volume Row { get; private set; }

    public override Saga<VolumeSagaData> Saga => _sagaOf(_scope.ServiceProvider.GetRequiredService<VolumeSteps>());

    public override VolumeSagaData Data => _data ?? new VolumeSagaData(Row.Id);

    /// <summary>What the saga carries besides the volume.</summary>
    public void Carry(VolumeSagaData data) => _data = data;

    public static string InstanceOf(Volume volume) => $"i-of-{volume.Id.Value}";

    /// <summary>As a volume that is there.</summary>
    public static void Settle(Volume volume, DateTimeOffset now)
    {
        volume.GoesTo(FakeVolumeHosts.Host, now);
        volume.Settles(now);
    }

    public static Snapshot SnapshotOf(Volume volume, string name, DateTimeOffset now) => Snapshot.Create(
        TypedId.New<SnapshotId>(TimeProvider.System), volume, $"{name}-{volume.Id.Value}",
        new Labels(new Dictionary<string, string>()), now);

    public async Task AddAsync(params Snapshot[] snapshots)
    {
        await using var db = await _storage.OpenDbAsync();
        db.Snapshots.AddRange(snapshots);
        await db.SaveChangesAsync();
    }

    public static async Task<VolumeTrial> ArrangeAsync(
        BlockStorageUnderTest storage, Func<VolumeSteps, Saga<VolumeSagaData>> sagaOf, Action<Volume, DateTimeOffset> begin,
        Action<VolumeTrial> assertDone, Action<VolumeTrial> assertUndone)
    {
        var now = TimeProvider.System.GetUtcNow();
        var id = TypedId.New<VolumeId>(TimeProvider.System);
        var blank = new VolumeSource(null, false, null, null, null, null);
        var row = Volume.Create(
            id, "prj-sagas", id.Value, blank, 1 << 20, VolumeType.All[0], new CreateVolumeRequest { Name = id.Value }, now);
        begin(row, now);
        storage.Hosts.AddInstance("prj-sagas", InstanceOf(row));
        if (row.HostName is { } host)
        {
            await storage.Hosts.PutAsync(new HostedVolume(host, id.Value, row.SizeBytes), default);
        }

        await using var db = await storage.OpenDbAsync();
        db.Volumes.Add(row);
        await db.SaveChangesAsync();
        return new VolumeTrial(storage, row, sagaOf, assertDone, assertUndone);
    }

    public override Task AssertDoneAsync() => AssertAsync(_assertDone);

    public override Task AssertUndoneAsync() => AssertAsync(_assertUndone);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _scope.DisposeAsync();
    }

    private async Task AssertAsync(Action<VolumeTrial> assert)
    {
        await using BlockStorageDbContext db = await _storage.OpenDbAsync();
        Row = await db.Volumes.AsNoTracking().SingleAsync(row => row.Id == Row.Id);
        assert(this);
    }
}
