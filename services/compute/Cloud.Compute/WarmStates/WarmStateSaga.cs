using Cloud.Compute.Instances;
using Cloud.Messaging;

namespace Cloud.Compute.WarmStates;

/// <summary>Which warm state is made.</summary>
public sealed record WarmStateSagaData(WarmStateId State);

/// <summary>
/// From the row to what instances go on from: a guest boots in a network of its own, comes to rest, is kept and removed; then one is tried
/// that goes on from it.
/// </summary>
internal sealed class WarmStateSaga(WarmStateSteps steps) : Saga<WarmStateSagaData>
{
    public override IReadOnlyList<SagaStep<WarmStateSagaData>> Steps =>
    [
        new("await-image", steps.AwaitImageAsync, limit: InstanceLimits.Provisioning),
        new("define-guest", steps.DefineAsync, steps.RemoveAsync),
        new("boot-guest", steps.BootAsync, limit: InstanceLimits.Saving),
        new("await-ready", steps.AwaitReadyAsync, limit: InstanceLimits.Booting),
        new("await-rest", steps.AwaitRestAsync),
        new("take-snapshot", steps.TakeAsync, steps.TakeBackAsync, InstanceLimits.Saving),
        new("remove-guest", steps.RemoveAsync),
        new("try-snapshot", steps.TryAsync, steps.RemoveTrialAsync, InstanceLimits.Saving),
        new("await-trial", steps.AwaitTrialAsync, limit: InstanceLimits.Booting),
        new("remove-trial", steps.RemoveTrialAsync),
        new("say-active", steps.SayActiveAsync),
    ];

    public override Task FailedAsync(WarmStateSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
