using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>Which instance goes back to which of its snapshots.</summary>
public sealed record InstanceRestoreSagaData(InstanceId Instance, InstanceSnapshotId Snapshot);

/// <summary>Ends the guest's run and has it go on from its snapshot.</summary>
internal sealed class InstanceRestoreSaga(
    IDbContextFactory<ComputeDbContext> databases, InstanceChanges changes, InstanceSteps steps, HostDirectory hosts)
    : Saga<InstanceRestoreSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceRestoreSagaData>> Steps =>
    [
        new("restore-guest", RestoreAsync, limit: InstanceLimits.Saving),
    ];

    /// <summary>What was refused before the guest's run was ended leaves it running.</summary>
    public override async Task FailedAsync(InstanceRestoreSagaData data, string reason, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var instance = await db.Instances.AsNoTracking().SingleAsync(row => row.Id == data.Instance, ct);
        if (await hosts.AgentOf(instance.HostName).FindAsync(data.Instance.Value, ct) is { State: GuestState.Running } guest)
        {
            await changes.ApplyAsync(data.Instance, "running", (row, now) =>
            {
                if (row.Status != InstanceStatus.Restoring)
                {
                    return false;
                }

                row.ListensFrom(guest.Generation);
                row.Runs(row.Ready, $"It was not restored: {reason}", now);
                return true;
            }, ct);
        }

        await steps.FailAsync(new InstanceSagaData(data.Instance), reason, ct);
    }

    private async Task<StepResult> RestoreAsync(InstanceRestoreSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var instance = await db.Instances.AsNoTracking().SingleAsync(row => row.Id == data.Instance, ct);
        if (instance.Status != InstanceStatus.Restoring)
        {
            return StepResult.Done;
        }

        var guest = await hosts.AgentOf(instance.HostName).RestoreAsync(data.Instance.Value, data.Snapshot.Value, ct);
        await changes.ApplyAsync(data.Instance, "running", (row, now) =>
        {
            if (row.Status != InstanceStatus.Restoring)
            {
                return false;
            }

            // What is still to be heard of the run before does not count.
            row.ListensFrom(guest.Generation);
            row.Runs(ready: true, null, now);
            return true;
        }, ct);
        return StepResult.Done;
    }
}
