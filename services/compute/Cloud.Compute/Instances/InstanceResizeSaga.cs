using Cloud.Messaging;

namespace Cloud.Compute.Instances;

/// <summary>Gives a stopped guest its new processors, memory and disk; a container also while it runs.</summary>
internal sealed class InstanceResizeSaga(InstanceSteps steps) : Saga<InstanceSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceSagaData>> Steps =>
    [
        new("define-guest", steps.DefineAsync),
        new("say-stopped", steps.SayResizedAsync),
    ];

    public override Task FailedAsync(InstanceSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
