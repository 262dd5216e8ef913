using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>Which instance is made, and of which it is a fork.</summary>
public sealed record InstanceForkSagaData(InstanceId Instance, InstanceId Parent);

/// <summary>
/// From the row to a guest that goes on from what its parent was. All forks of one call share a snapshot: the first that comes takes it.
/// <c>GuestReaper</c> removes it when none needs it any more.
/// </summary>
internal sealed class InstanceForkSaga(IDbContextFactory<ComputeDbContext> databases, InstanceSteps steps, HostDirectory hosts)
    : Saga<InstanceForkSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceForkSagaData>> Steps =>
    [
        new("take-snapshot", TakeAsync, limit: InstanceLimits.Saving),
        new("define-guest", (data, ct) => steps.DefineAsync(Of(data), ct), (data, ct) => steps.RemoveAsync(Of(data), ct)),
        new("start-guest", (data, ct) => steps.StartAsync(Of(data), ct), limit: InstanceLimits.Saving),
    ];

    public override Task FailedAsync(InstanceForkSagaData data, string reason, CancellationToken ct) =>
        steps.FailAsync(Of(data), reason, ct);

    private async Task<StepResult> TakeAsync(InstanceForkSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var fork = await db.Instances.AsNoTracking().SingleAsync(row => row.Id == data.Instance, ct);
        if (fork.Status == InstanceStatus.Provisioning)
        {
            await hosts.AgentOf(fork.HostName).SnapshotAsync(data.Parent.Value, fork.ForkOf!, withVolumes: false, ct);
        }

        return StepResult.Done;
    }

    private static InstanceSagaData Of(InstanceForkSagaData data) => new(data.Instance);
}
