using Cloud.Messaging;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>Removes a snapshot; volumes made of it stay.</summary>
internal sealed class SnapshotDeleteSaga(SnapshotSteps steps) : Saga<SnapshotSagaData>
{
    public override IReadOnlyList<SagaStep<SnapshotSagaData>> Steps =>
    [
        // A host that is away for a day may come back.
        new("remove-snapshot", steps.RemoveAsync, limit: TimeSpan.FromDays(1)),
        new("say-deleted", steps.SayDeletedAsync, limit: TimeSpan.FromDays(1)),
    ];

    public override Task FailedAsync(SnapshotSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
