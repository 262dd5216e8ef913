using Cloud.Messaging;

namespace Cloud.Compute.Instances;

/// <summary>From the row to a guest that boots. What the guest then reports ends the state <c>starting</c> (<c>GuestReports</c>).</summary>
internal sealed class InstanceCreateSaga(InstanceSteps steps) : Saga<InstanceSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSagaData>> Steps =>
    [
        new("await-image", steps.AwaitImageAsync, limit: InstanceLimits.Provisioning, isBrief: true),
        new("define-guest", steps.DefineAsync, steps.TakeBackAsync),
        new("attach-volumes", steps.AttachVolumesAsync, isBrief: true),
        new("start-guest", steps.StartNewAsync, limit: InstanceLimits.Saving, isBrief: true),
    ];

    public override Task FailedAsync(InstanceSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
