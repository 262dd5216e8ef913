using Cloud.Compute.Hosts;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Compute.Instances;

/// <summary>Calls a migration off; the guest goes on where it was, unless it was handed over already.</summary>
internal static class CancelInstanceMigration
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, InstanceAction action, InstanceWaiter waiter,
        HostDirectory hosts, CancellationToken ct)
    {
        var instance = await action.ChangeAsync(id, caller, ifMatch, (row, now) =>
        {
            row.CancelMigration(now);
            return Task.FromResult("migration-cancelling");
        }, ct);
        await hosts.AgentOf(instance.HostName).CancelMoveAsync(instance.Id.Value, ct);
        var latest = await waiter.WaitAsync(instance, wait, ct);
        return latest.Settled && wait.Waits
            ? ResourceResults.Ok(context, InstanceView.From(latest), latest.Version)
            : ResourceResults.Accepted(context, InstanceView.From(latest), latest.Version);
    }
}
