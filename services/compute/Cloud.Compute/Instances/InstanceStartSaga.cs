using Cloud.Messaging;

namespace Cloud.Compute.Instances;

/// <summary>Boots a guest that is there, or was lost with its host's folder: it is defined again first.</summary>
internal sealed class InstanceStartSaga(InstanceSteps steps) : Saga<InstanceSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSagaData>> Steps =>
    [
        new("await-image", steps.AwaitImageAsync, limit: InstanceLimits.Provisioning),
        new("define-guest", steps.DefineAsync),
        new("attach-volumes", steps.AttachVolumesAsync),
        new("start-guest", steps.StartAsync),
    ];

    public override Task FailedAsync(InstanceSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
