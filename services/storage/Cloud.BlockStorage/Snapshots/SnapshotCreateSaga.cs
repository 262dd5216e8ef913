using Cloud.Messaging;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>Keeps what a volume holds now.</summary>
internal sealed class SnapshotCreateSaga(SnapshotSteps steps) : Saga<SnapshotSagaData>
{
    public override IReadOnlyList<SagaStep<SnapshotSagaData>> Steps =>
    [
        new("take-snapshot", steps.TakeAsync, steps.TakeBackAsync),
    ];

    public override Task FailedAsync(SnapshotSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
