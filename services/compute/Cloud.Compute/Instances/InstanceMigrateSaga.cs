using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.InstanceSnapshots;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>Which instance goes from which host to which.</summary>
public sealed record InstanceMigrateSagaData(InstanceId Instance, string From, string To);

/// <summary>
/// Has a guest go on on another host, with its volumes. Of two hosts that each may have it, the new one has the last word: it writes down
/// that the guest is its own before it lets it run. So whatever is lost on the way, that one is asked, and the guest runs on one of them.
/// One that does not go while it runs is brought to rest first, and goes on over there.
/// </summary>
internal sealed class InstanceMigrateSaga(
    IDbContextFactory<ComputeDbContext> databases, InstanceChanges changes, HostDirectory hosts, IBlockStorage storage, TimeProvider time)
    : Saga<InstanceMigrateSagaData>
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    public override IReadOnlyList<SagaStep<InstanceMigrateSagaData>> Steps =>
    [
        new("hold-volumes", HoldVolumesAsync),
        new("bring-to-rest", BringToRestAsync, limit: InstanceLimits.Saving),
        new("move-guest", MoveAsync, limit: InstanceLimits.Migrating),
        new("hand-volumes-over", (data, ct) => LetVolumesGoAsync(data, data.To, ct)),
        new("say-moved", SayMovedAsync),
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
            await LetVolumesGoAsync(data, data.To, ct);
            await SayMovedAsync(data, ct);
            return;
        }

        await LetVolumesGoAsync(data, data.From, ct);
        GuestReport? guest = null;
        try
        {
            guest = here is null ? null : await source.StayAsync(id, ct);
        }
        catch (CloudException ended) when (ended.Kind != ErrorKind.Unavailable)
        {
            reason = $"{reason} {ended.Message}";
        }

        var last = here is null ? null : await source.FindMoveAsync(id, ct);
        await changes.ApplyAsync(data.Instance, "migration-failed", (db, row, now) =>
        {
            if (row.Status != InstanceStatus.Migrating)
            {
                return Task.FromResult(false);
            }

            var was = row.Migration!.Was;
            row.IsNotMigrated(row.Migration with { EndedAt = now, Reason = reason, Last = last }, StatusHere(row, was, guest), now);
            row.ListensFrom(Math.Min(row.Generation, guest?.Generation ?? row.Generation));
            GoOn(db, row, was, now);
            return Task.FromResult(true);
        }, ct);
    }

    /// <summary>Nothing is done with its volumes until it is on one host again.</summary>
    private async Task<StepResult> HoldVolumesAsync(InstanceMigrateSagaData data, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        if (instance.Status == InstanceStatus.Migrating)
        {
            await storage.BeginMoveAsync(instance.Project, data.Instance.Value, ct);
        }

        return StepResult.Done;
    }

    private async Task<StepResult> BringToRestAsync(InstanceMigrateSagaData data, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        if (instance is not { Status: InstanceStatus.Migrating, Migration: { } migration }
            || (migration.Was != InstanceStatus.Paused && (migration.Was != InstanceStatus.Running || instance.MovesRunning)))
        {
            return StepResult.Done;
        }

        var (id, source) = (data.Instance.Value, hosts.AgentOf(data.From));
        if (await source.FindAsync(id, ct) is not { State: GuestState.Running or GuestState.Paused } guest)
        {
            return StepResult.Done;
        }

        if (instance.Engine != "container")
        {
            await source.SuspendAsync(id, ct);
            return StepResult.Done;
        }

        if (guest.State == GuestState.Paused || time.GetUtcNow() - migration.StartedAt > InstanceLimits.StopGrace)
        {
            await source.KillAsync(id, ct);
            return StepResult.Done;
        }

        try
        {
            await source.PowerDownAsync(id, ct);
        }
        catch (CloudException ending) when (ending.Kind == ErrorKind.Conflict)
        {
            // It heard it the last time, and ends at this moment.
        }

        return StepResult.Again(LookAgain);
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
        if (await target.FindAsync(id, ct) is { Away: false }
            || (migration.Was == InstanceStatus.Failed && await source.FindAsync(id, ct) is null))
        {
            // Of an attempt before this one whose answer was lost; or it failed before it had anything on any host.
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

    private async Task<StepResult> LetVolumesGoAsync(InstanceMigrateSagaData data, string host, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        await storage.EndMoveAsync(instance.Project, data.Instance.Value, host, ct);
        return StepResult.Done;
    }

    private async Task<StepResult> SayMovedAsync(InstanceMigrateSagaData data, CancellationToken ct)
    {
        var id = data.Instance.Value;
        var guest = await hosts.AgentOf(data.To).FindAsync(id, ct);
        var last = await FindLastAsync(data, ct);
        var host = hosts.IdOf(data.To);
        var volumes = (await storage.ListAttachedAsync((await ReadAsync(data, ct)).Project, id, ct)).Select(one => one.Volume.Id).ToList();
        await changes.ApplyAsync(data.Instance, "migrated", async (db, row, now) =>
        {
            if (row.Status != InstanceStatus.Migrating)
            {
                return false;
            }

            var was = row.Migration!.Was;
            row.IsMigrated(host, row.Migration with { EndedAt = now, Last = last }, StatusAfter(row, was), now);
            row.ListensFrom(guest?.Generation ?? 0);
            foreach (var snapshot in await db.InstanceSnapshots.Existing().Where(one => one.Instance == row.Id).ToListAsync(ct))
            {
                snapshot.GoesTo(data.To, now);
            }

            db.Sagas().Start<InstanceDepartureSaga, InstanceDepartureSagaData>(
                new InstanceDepartureSagaData(data.Instance, data.From, data.To, volumes), $"{id} {data.From}");
            GoOn(db, row, was, now);
            return true;
        }, ct);
        return StepResult.Done;
    }

    /// <summary>What it is over there, before it goes on as what it was.</summary>
    private static InstanceStatus StatusAfter(Instance row, InstanceStatus was) => was switch
    {
        InstanceStatus.Paused => InstanceStatus.Suspended,
        InstanceStatus.Running when row.Engine == "container" => InstanceStatus.Stopped,
        InstanceStatus.Running when !row.MovesRunning => InstanceStatus.Suspended,
        _ => was,
    };

    /// <summary>What it is where it stayed. Of one that ran all the while its host's reports tell, should it have ended.</summary>
    private static InstanceStatus StatusHere(Instance row, InstanceStatus was, GuestReport? guest) => guest?.State switch
    {
        null => InstanceStatus.Failed,
        _ when was == InstanceStatus.Running && row.MovesRunning => InstanceStatus.Running,
        GuestState.Running => InstanceStatus.Running,
        GuestState.Paused => InstanceStatus.Paused,
        GuestState.Suspended => InstanceStatus.Suspended,
        _ => was == InstanceStatus.Failed ? was : InstanceStatus.Stopped,
    };

    /// <summary>One that was brought to rest for the way, and ran before, runs again.</summary>
    private static void GoOn(ComputeDbContext db, Instance row, InstanceStatus was, DateTimeOffset now)
    {
        if (was == InstanceStatus.Running && row.Status == InstanceStatus.Stopped)
        {
            db.BeginRestart(row, now);
        }
        else if (was == InstanceStatus.Running && row.Status == InstanceStatus.Suspended)
        {
            row.BeginResume(now);
            db.Sagas().Start<InstanceResumeSaga, InstanceSagaData>(new InstanceSagaData(row.Id), row.Id.Value);
            db.AddInstanceEvent(row, "resuming");
        }
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
    /// Whether the guest is not on the new host and never will be. A host that does not say so is asked until it does, unless the guest
    /// runs where it was: it is not let run in two places.
    /// </summary>
    private async Task<bool> IsNotThereAsync(InstanceMigrateSagaData data, GuestReport? here, CancellationToken ct)
    {
        try
        {
            return await hosts.AgentOf(data.To).EndArrivalAsync(data.Instance.Value, ct);
        }
        catch (CloudException) when (here?.State == GuestState.Running)
        {
            return true;
        }
        catch (CloudException refused) when (refused.Kind != ErrorKind.Unavailable)
        {
            throw new CloudException(ErrorKind.Unavailable, refused.Code, refused.Message, refused);
        }
    }

    private async Task<Instance> ReadAsync(InstanceMigrateSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Instances.AsNoTracking().SingleAsync(row => row.Id == data.Instance, ct);
    }
}
