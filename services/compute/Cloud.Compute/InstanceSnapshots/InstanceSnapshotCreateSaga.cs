using Cloud.Messaging;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>Keeps what an instance is now.</summary>
internal sealed class InstanceSnapshotCreateSaga(InstanceSnapshotSteps steps) : Saga<InstanceSnapshotSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSnapshotSagaData>> Steps =>
    [
        new("take-snapshot", steps.TakeAsync, steps.TakeBackAsync),
    ];

    public override Task FailedAsync(InstanceSnapshotSagaData data, string reason, CancellationToken ct) =>
        steps.FailAsync(data, reason, ct);
}
