using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>Which instance has gone from which host to which.</summary>
/// <param name="Volumes">The ids of the volumes that went with it.</param>
public sealed record InstanceDepartureSagaData(InstanceId Instance, string From, string To, IReadOnlyList<string> Volumes);

/// <summary>
/// Has the host that an instance has left forget what it had of it. It runs beside whatever is done with the instance on its new host.
/// </summary>
internal sealed class InstanceDepartureSaga(IDbContextFactory<ComputeDbContext> databases, HostDirectory hosts)
    : Saga<InstanceDepartureSagaData>
{
    /// <summary>A host that is away for longer forgets the guest when it is back, and keeps files that nobody asks for.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromDays(7);

    public override IReadOnlyList<SagaStep<InstanceDepartureSagaData>> Steps => [new("forget-guest", ForgetAsync, limit: Limit)];

    public override Task FailedAsync(InstanceDepartureSagaData data, string reason, CancellationToken ct) => Task.CompletedTask;

    private async Task<StepResult> ForgetAsync(InstanceDepartureSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await db.Instances.AsNoTracking().SingleAsync(row => row.Id == data.Instance, ct);

        // It may be on its way back by now: then what the host has is replaced by what comes.
        if (row.HostName != data.From && row.MigratesTo != data.From)
        {
            await hosts.AgentOf(data.From).ForgetDepartedAsync(data.Instance.Value, data.Volumes, ct);
        }

        return StepResult.Done;
    }
}
