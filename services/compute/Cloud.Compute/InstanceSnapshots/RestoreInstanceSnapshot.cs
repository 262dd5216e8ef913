using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>Brings an instance back to its snapshot; it runs on from there, and what it wrote since is gone.</summary>
internal static class RestoreInstanceSnapshot
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, ComputeDbContext db, InstanceAction action,
        InstanceWaiter waiter, CancellationToken ct)
    {
        var snapshot = await db.InstanceSnapshots.AsNoTracking().FindVisibleAsync(caller, id, ct);
        ifMatch.Require(snapshot.Version);
        snapshot.RequireAvailable();
        var instance = await action.ChangeAsync(snapshot.Instance.Value, caller, IfMatch.None, (row, now) =>
        {
            if (snapshot.HostName != row.HostName)
            {
                throw CloudException.Conflict(
                    "snapshot-elsewhere",
                    $"The snapshot lies on host '{snapshot.HostName}' and the instance runs on '{row.HostName}': migrate it back first.");
            }

            row.BeginRestore(now);
            db.Sagas().Start<InstanceRestoreSaga, InstanceRestoreSagaData>(new InstanceRestoreSagaData(row.Id, snapshot.Id), row.Id.Value);
            return Task.FromResult(EnumWords.Of(row.Status));
        }, ct);
        var latest = await waiter.WaitAsync(instance, wait, ct);
        return latest.Settled && wait.Waits
            ? ResourceResults.Ok(context, InstanceView.From(latest), latest.Version)
            : ResourceResults.Accepted(context, InstanceView.From(latest), latest.Version);
    }
}
