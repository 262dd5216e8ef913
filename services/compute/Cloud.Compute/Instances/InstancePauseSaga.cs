using Cloud.Messaging;

namespace Cloud.Compute.Instances;

/// <summary>Stops the guest's processors.</summary>
internal sealed class InstancePauseSaga(InstanceSteps steps) : Saga<InstanceSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSagaData>> Steps =>
    [
        new("pause-guest", steps.PauseAsync),
        new("say-paused", steps.SayPausedAsync),
    ];

    public override Task FailedAsync(InstanceSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
