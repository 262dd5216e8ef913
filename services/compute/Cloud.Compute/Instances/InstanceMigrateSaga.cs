using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>Which instance goes from which host to which.</summary>
public sealed record InstanceMigrateSagaData(InstanceId Instance, string From, string To);

/// <summary>
/// Has a guest go on on another host. Of two hosts that each may have it, the new one has the last word: it writes down that the guest is
/// its own before it lets it run. So whatever is lost on the way, that one is asked, and the guest runs on one of them.
/// </summary>
internal sealed class InstanceMigrateSaga(
    IDbContextFactory<ComputeDbContext> databases, InstanceChanges changes, HostDirectory hosts, InstanceSteps steps)
    : Saga<InstanceMigrateSagaData>
{
    public override IReadOnlyList<SagaStep<InstanceMigrateSagaData>> Steps =>
    [
        new("move-guest", MoveAsync, limit: InstanceLimits.Migrating),
        new("say-running", SayRunningAsync),
        new("remove-source", RemoveSourceAsync, limit: InstanceLimits.Migrating),
    ];

    /// <summary>It did not come about, or nobody said so: what the hosts say is so.</summary>
    public override async Task FailedAsync(InstanceMigrateSagaData data, string reason, CancellationToken ct)
    {
        if ((await ReadAsync(data, ct)).Status != InstanceStatus.Migrating)
        {
            return;
        }

        var id = data.Instance.Value;
        var source = hosts.AgentOf(data.From);
        var here = await source.FindAsync(id, ct);
        if (!await IsNotThereAsync(data, here, ct))
        {
            await SayRunningAsync(data, ct);
            await RemoveSourceAsync(data, ct);
            return;
        }

        if (here is null)
        {
            await steps.FailAsync(new InstanceSagaData(data.Instance), reason, ct);
            return;
        }

        GuestReport guest;
        try
        {
            guest = await source.StayAsync(id, ct);
        }
        catch (CloudException ended) when (ended.Kind != ErrorKind.Unavailable)
        {
            await steps.FailAsync(new InstanceSagaData(data.Instance), $"{reason} {ended.Message}", ct);
            return;
        }

        var last = await source.FindMoveAsync(id, ct);
        await changes.ApplyAsync(data.Instance, "migration-failed", (row, now) =>
        {
            if (row.Status != InstanceStatus.Migrating)
            {
                return false;
            }

            row.IsNotMigrated(row.Migration! with { EndedAt = now, Reason = reason, Last = last }, now);
            row.ListensFrom(Math.Min(row.Generation, guest.Generation));
            return true;
        }, ct);
    }

    private async Task<StepResult> MoveAsync(InstanceMigrateSagaData data, CancellationToken ct)
    {
        var id = data.Instance.Value;
        var instance = await ReadAsync(data, ct);
        if (instance is not { Status: InstanceStatus.Migrating, Migration: { } migration })
        {
            return StepResult.Done;
        }

        var (source, target) = (hosts.AgentOf(data.From), hosts.AgentOf(data.To));
        if (await target.FindAsync(id, ct) is not null)
        {
            // Of an attempt before this one whose answer was lost.
            return StepResult.Done;
        }

        var arrival = await source.FindMoveAsync(id, ct) is { UnderWay: true }
            ? new GuestArrival(data.To, "", "", [], [])
            : await target.AwaitGuestAsync(await source.DescribeDepartureAsync(id, ct), ct);
        if (migration.CancelAsked)
        {
            throw CloudException.Conflict(HostErrors.NotMoved, "It was called off.");
        }

        await source.MoveGuestAsync(id, new GuestMove(arrival, migration.Policy, migration.TimeoutSeconds), ct);
        return StepResult.Done;
    }

    private async Task<StepResult> SayRunningAsync(InstanceMigrateSagaData data, CancellationToken ct)
    {
        var id = data.Instance.Value;
        var guest = await hosts.AgentOf(data.To).FindAsync(id, ct);
        var last = await FindLastAsync(data, ct);
        var host = hosts.IdOf(data.To);
        await changes.ApplyAsync(data.Instance, "migrated", (row, now) =>
        {
            if (row.Status != InstanceStatus.Migrating)
            {
                return false;
            }

            row.IsMigrated(host, row.Migration! with { EndedAt = now, Last = last }, now);
            row.ListensFrom(guest?.Generation ?? 0);
            return true;
        }, ct);
        return StepResult.Done;
    }

    private async Task<StepResult> RemoveSourceAsync(InstanceMigrateSagaData data, CancellationToken ct)
    {
        // It may be on its way back by now, and then it is a guest of there as any other.
        if ((await ReadAsync(data, ct)) is { HostName: var host, MigratesTo: var next } && host == data.To && next != data.From)
        {
            await hosts.AgentOf(data.From).RemoveAsync(data.Instance.Value, ct);
        }

        return StepResult.Done;
    }

    private async Task<GuestMoveReport?> FindLastAsync(InstanceMigrateSagaData data, CancellationToken ct)
    {
        try
        {
            return await hosts.AgentOf(data.From).FindMoveAsync(data.Instance.Value, ct);
        }
        catch (CloudException gone) when (gone.Kind is ErrorKind.Unavailable or ErrorKind.NotFound)
        {
            return null;
        }
    }

    /// <summary>
    /// Whether the guest is not on the new host and never will be. A host that does not answer is waited for, unless the guest runs where
    /// it was: it is not let run in two places.
    /// </summary>
    private async Task<bool> IsNotThereAsync(InstanceMigrateSagaData data, GuestReport? here, CancellationToken ct)
    {
        try
        {
            return await hosts.AgentOf(data.To).EndArrivalAsync(data.Instance.Value, ct);
        }
        catch (CloudException away) when (away.Kind == ErrorKind.Unavailable && here?.State == GuestState.Running)
        {
            return true;
        }
    }

    private async Task<Instance> ReadAsync(InstanceMigrateSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Instances.AsNoTracking().SingleAsync(row => row.Id == data.Instance, ct);
    }
}
