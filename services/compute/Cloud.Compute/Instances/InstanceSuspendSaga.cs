using Cloud.Messaging;

namespace Cloud.Compute.Instances;

/// <summary>Keeps what the guest is and ends its process.</summary>
internal sealed class InstanceSuspendSaga(InstanceSteps steps) : Saga<InstanceSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSagaData>> Steps =>
    [
        new("suspend-guest", steps.SuspendAsync, limit: InstanceLimits.Saving),
        new("say-suspended", steps.SaySuspendedAsync),
    ];

    public override Task FailedAsync(InstanceSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
