using Cloud.Messaging;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>Removes a snapshot; its instance stays as it is.</summary>
internal sealed class InstanceSnapshotDeleteSaga(InstanceSnapshotSteps steps) : Saga<InstanceSnapshotSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSnapshotSagaData>> Steps =>
    [
        // A host that is away for a day may come back.
        new("remove-snapshot", steps.RemoveAsync, limit: TimeSpan.FromDays(1)),
        new("say-deleted", steps.SayDeletedAsync, limit: TimeSpan.FromDays(1)),
    ];

    public override Task FailedAsync(InstanceSnapshotSagaData data, string reason, CancellationToken ct) =>
        steps.FailAsync(data, reason, ct);
}
