using Cloud.Messaging;

namespace Cloud.Compute.Instances;

/// <summary>Asks the guest to power off, and ends it by force when it has not within <see cref="InstanceLimits.StopGrace"/>.</summary>
internal sealed class InstanceStopSaga(InstanceSteps steps) : Saga<InstanceSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSagaData>> Steps =>
    [
        new("ask-to-power-off", steps.AskToPowerOffAsync),
        new("await-end", steps.AwaitEndAsync, limit: InstanceLimits.Stopping),
        new("end-by-force", steps.EndByForceAsync),
        new("say-stopped", steps.SayStoppedAsync),
    ];

    public override Task FailedAsync(InstanceSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
