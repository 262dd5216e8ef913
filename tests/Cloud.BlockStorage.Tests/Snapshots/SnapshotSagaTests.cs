using Cloud.BlockStorage.Snapshots;
using Cloud.BlockStorage.Tests.Kit;
using Cloud.BlockStorage.Volumes;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.Testing.Sagas;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.BlockStorage.Tests.Snapshots;

public sealed class SnapshotCreateSagaTests(BlockStorages storages) : SagaContract<SnapshotSagaData>
{
    protected override async Task<SagaTrial<SnapshotSagaData>> ArrangeAsync() =>
        await SnapshotTrial.ArrangeAsync(storages.OnSqlite, steps => new SnapshotCreateSaga(steps), (_, _) => { }, trial =>
        {
            trial.Row.Status.ShouldBe(SnapshotStatus.Available);
            trial.IsOnHost.ShouldBeTrue();
        }, trial =>
        {
            trial.Row.Status.ShouldBeOneOf(SnapshotStatus.Failed, SnapshotStatus.Available);
            trial.IsOnHost.ShouldBe(trial.Row.Status == SnapshotStatus.Available);
        });
}

public sealed class SnapshotDeleteSagaTests(BlockStorages storages) : SagaContract<SnapshotSagaData>
{
    protected override async Task<SagaTrial<SnapshotSagaData>> ArrangeAsync()
    {
        var trial = await SnapshotTrial.ArrangeAsync(storages.OnSqlite, steps => new SnapshotDeleteSaga(steps), (snapshot, now) =>
        {
            snapshot.IsTaken(snapshot.SizeBytes, false, now);
            snapshot.BeginDelete(now);
        }, trial =>
        {
            trial.Row.Status.ShouldBe(SnapshotStatus.Deleted);
            trial.IsOnHost.ShouldBeFalse();
        }, trial =>
        {
            // A failed one can be deleted again.
            trial.Row.Status.ShouldBeOneOf(SnapshotStatus.Failed, SnapshotStatus.Deleted);
            (trial.Row.Status == SnapshotStatus.Deleted && trial.IsOnHost).ShouldBeFalse();
        });
        await trial.Hosts.SnapshotAsync(
            FakeVolumeHosts.Host, new Dictionary<string, string> { [trial.Row.Volume.Value] = trial.Row.Id.Value }, default);
        return trial;
    }
}

/// <summary>A service's snapshot in the middle of a saga, stepped through by the contract instead of by the runner.</summary>
internal sealed class SnapshotTrial : SagaTrial<SnapshotSagaData>
{
    private readonly BlockStorageUnderTest _storage;
    private readonly AsyncServiceScope _scope;
    private readonly Func<SnapshotSteps, Saga<SnapshotSagaData>> _sagaOf;
    private readonly Action<SnapshotTrial> _assertDone;
    private readonly Action<SnapshotTrial> _assertUndone;

    private SnapshotTrial(
        BlockStorageUnderTest storage, Snapshot row, Func<SnapshotSteps, Saga<SnapshotSagaData>> sagaOf,
        Action<SnapshotTrial> assertDone, Action<SnapshotTrial> assertUndone)
    {
        (_storage, Row, _sagaOf, _assertDone, _assertUndone) = (storage, row, sagaOf, assertDone, assertUndone);
        _scope = storage.Services.CreateAsyncScope();
    }

    public FakeVolumeHosts Hosts => _storage.Hosts;

    public bool IsOnHost => Hosts.SnapshotOf(Row.Id.Value) is not null;

    /// <summary>As it is in the database when something is asserted.</summary>
    public Snapshot Row { get; private set; }

    public override Saga<SnapshotSagaData> Saga => _sagaOf(_scope.ServiceProvider.GetRequiredService<SnapshotSteps>());

    public override SnapshotSagaData Data => new(Row.Id);

    public static async Task<SnapshotTrial> ArrangeAsync(
        BlockStorageUnderTest storage, Func<SnapshotSteps, Saga<SnapshotSagaData>> sagaOf, Action<Snapshot, DateTimeOffset> begin,
        Action<SnapshotTrial> assertDone, Action<SnapshotTrial> assertUndone)
    {
        var now = TimeProvider.System.GetUtcNow();
        var id = TypedId.New<VolumeId>(TimeProvider.System);
        var blank = new VolumeSource(null, false, null, null, null, null);
        var volume = Volume.Create(
            id, "prj-sagas", id.Value, blank, 1 << 20, VolumeType.All[0], new CreateVolumeRequest { Name = id.Value }, now);
        volume.GoesTo(FakeVolumeHosts.Host, now);
        volume.Settles(now);
        await storage.Hosts.PutAsync(new HostedVolume(FakeVolumeHosts.Host, id.Value, volume.SizeBytes), default);
        var row = Snapshot.Create(
            TypedId.New<SnapshotId>(TimeProvider.System), volume, id.Value, new Labels(new Dictionary<string, string>()), now);
        begin(row, now);
        await using var db = await storage.OpenDbAsync();
        db.Volumes.Add(volume);
        db.Snapshots.Add(row);
        await db.SaveChangesAsync();
        return new SnapshotTrial(storage, row, sagaOf, assertDone, assertUndone);
    }

    public override Task AssertDoneAsync() => AssertAsync(_assertDone);

    public override Task AssertUndoneAsync() => AssertAsync(_assertUndone);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _scope.DisposeAsync();
    }

    private async Task AssertAsync(Action<SnapshotTrial> assert)
    {
        await using var db = await _storage.OpenDbAsync();
        Row = await db.Snapshots.AsNoTracking().SingleAsync(row => row.Id == Row.Id);
        assert(this);
    }
}
