using Cloud.BlockStorage.Persistence;
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

/// <summary>A service's volume in the middle of a saga, stepped through by the contract instead of by the runner.</summary>
internal sealed class VolumeTrial : SagaTrial<VolumeSagaData>
{
    private readonly BlockStorageUnderTest _storage;
    private readonly AsyncServiceScope _scope;
    private readonly Func<VolumeSteps, Saga<VolumeSagaData>> _sagaOf;
    private readonly Action<VolumeTrial> _assertDone;
    private readonly Action<VolumeTrial> _assertUndone;

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

    public override VolumeSagaData Data => new(Row.Id);

    public static string InstanceOf(Volume volume) => $"i-of-{volume.Id.Value}";

    public static async Task<VolumeTrial> ArrangeAsync(
        BlockStorageUnderTest storage, Func<VolumeSteps, Saga<VolumeSagaData>> sagaOf, Action<Volume, DateTimeOffset> begin,
        Action<VolumeTrial> assertDone, Action<VolumeTrial> assertUndone)
    {
        var now = TimeProvider.System.GetUtcNow();
        var id = TypedId.New<VolumeId>(TimeProvider.System);
        var blank = new VolumeSource(null, null, null, null, null);
        var row = Volume.Create(id, "prj-sagas", id.Value, blank, 1 << 20, new CreateVolumeRequest { Name = id.Value }, now);
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
