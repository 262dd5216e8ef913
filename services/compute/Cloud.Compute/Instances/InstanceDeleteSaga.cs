using Cloud.Messaging;

namespace Cloud.Compute.Instances;

/// <summary>Ends the guest and removes all of it; the row stays for the answer to a second DELETE.</summary>
internal sealed class InstanceDeleteSaga(InstanceSteps steps) : Saga<InstanceSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSagaData>> Steps =>
    [
        // A host that is away for a day may come back: what it holds of the instance must still go.
        new("remove-guest", steps.RemoveAsync, limit: TimeSpan.FromDays(1)),
        new("say-deleted", steps.SayDeletedAsync, limit: TimeSpan.FromDays(1)),
    ];

    public override Task FailedAsync(InstanceSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
