using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>
/// Ends every state on the way whose time is over: by what the host says of the guest, by the saga once more, or as failed. The
/// saga is the state's owner; this is for what a saga cannot know (a guest that never ends its boot) and for one that was lost.
/// </summary>
internal sealed class InstanceDeadlines(
    IDbContextFactory<ComputeDbContext> databases, InstanceChanges changes, HostDirectory hosts, GuestReports reports,
    TimeProvider time) : IReconciler
{
    /// <summary>Time for the owner to end its state by itself.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var late = time.GetUtcNow() - Patience;
        foreach (var instance in await db.Instances.AsNoTracking().Existing()
            .Where(row => row.Deadline != null && row.Deadline < late).ToListAsync(ct))
        {
            await EndAsync(instance, ct);
        }

        var now = time.GetUtcNow();
        foreach (var id in await db.Instances.AsNoTracking().Existing().Where(row => row.RestartAt != null && row.RestartAt <= now)
            .Select(row => row.Id).ToListAsync(ct))
        {
            await changes.ApplyAsync(id, "restarting", (context, row, at) =>
            {
                var due = row.RestartAt <= at && row.Status is InstanceStatus.Failed or InstanceStatus.Stopped;
                if (due)
                {
                    context.BeginRestart(row, at);
                }

                return Task.FromResult(due);
            }, ct);
        }
    }

    private async Task EndAsync(Instance instance, CancellationToken ct)
    {
        switch (instance.Status)
        {
            case InstanceStatus.Starting or InstanceStatus.Rebooting:
                await EndBootAsync(instance, ct);
                break;
            case InstanceStatus.Stopping:
                await AgainAsync<InstanceStopSaga>(instance, InstanceLimits.Stopping, ct);
                break;
            case InstanceStatus.Deleting:
                await AgainAsync<InstanceDeleteSaga>(instance, InstanceLimits.Deleting, ct);
                break;
            default:
                await changes.ApplyAsync(instance.Id, "failed", (row, now) =>
                {
                    if (row.Version != instance.Version)
                    {
                        return false;
                    }

                    row.Fails($"It was {EnumText(instance.Status)} for longer than allowed.", now);
                    return true;
                }, ct);
                break;
        }
    }

    private async Task EndBootAsync(Instance instance, CancellationToken ct)
    {
        GuestReport? guest = null;
        try
        {
            guest = await hosts.AgentOf(instance.HostName).FindAsync(instance.Id.Value, ct);
        }
        catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
        {
            // The row says below that the host does not answer.
        }

        if (guest is not null)
        {
            await reports.TakeAsync(instance.HostName!, guest, ct);
        }

        await changes.ApplyAsync(instance.Id, "running", (row, now) =>
        {
            if (row.Version != instance.Version)
            {
                return false;
            }

            if (guest?.State is GuestState.Running or GuestState.Paused)
            {
                row.Runs(ready: false, $"Its boot did not reach its end within {InstanceLimits.Booting.TotalMinutes} minutes.", now);
            }
            else
            {
                row.Fails("Its guest did not start in time.", now);
            }

            return true;
        }, ct);
    }

    /// <summary>Starts the state's saga once more, with a new deadline; its steps do what is left to do.</summary>
    private Task AgainAsync<TSaga>(Instance instance, TimeSpan limit, CancellationToken ct)
        where TSaga : Saga<InstanceSagaData> =>
        changes.ApplyAsync(instance.Id, EnumText(instance.Status), (db, row, now) =>
        {
            if (row.Version != instance.Version)
            {
                return Task.FromResult(false);
            }

            row.TakesLonger(limit, now);
            db.Sagas().Start<TSaga, InstanceSagaData>(new InstanceSagaData(row.Id), row.Id.Value);
            return Task.FromResult(true);
        }, ct);

    private static string EnumText(InstanceStatus status) => ServiceDefaults.EnumWords.Of(status);
}
