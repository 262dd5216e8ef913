using Cloud.Messaging;

namespace Cloud.Compute.Instances;

/// <summary>Reboots the guest; its next boot report ends the state <c>rebooting</c> (<c>GuestReports</c>).</summary>
internal sealed class InstanceRebootSaga(InstanceSteps steps) : Saga<InstanceSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSagaData>> Steps => [new("reboot-guest", steps.RebootAsync)];

    public override Task FailedAsync(InstanceSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
