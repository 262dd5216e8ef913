using Cloud.Messaging;

namespace Cloud.Compute.Instances;

/// <summary>Lets the guest's processors go on.</summary>
internal sealed class InstanceResumeSaga(InstanceSteps steps) : Saga<InstanceSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSagaData>> Steps =>
    [
        new("resume-guest", steps.ResumeAsync, limit: InstanceLimits.Saving),
        new("say-running", steps.SayRunningAsync),
    ];

    public override Task FailedAsync(InstanceSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
