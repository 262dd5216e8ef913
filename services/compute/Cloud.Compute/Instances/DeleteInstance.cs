using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

internal static class DeleteInstance
{
    public static async Task<IResult> HandleAsync(
        string id,
        Caller caller,
        IfMatch ifMatch,
        WaitQuery wait,
        HttpContext context,
        ComputeDbContext db,
        InstanceAction action,
        InstanceWaiter waiter,
        CancellationToken ct)
    {
        if (InstanceId.TryParse(id, out var instanceId) && await db.Instances.AsNoTracking().AnyAsync(
            row => row.Id == instanceId && row.Project == caller.Project && row.Status == InstanceStatus.Deleted, ct))
        {
            return TypedResults.NoContent();
        }

        var instance = await action.ChangeAsync(id, caller, ifMatch, (row, now) =>
        {
            if (row.Status != InstanceStatus.Deleting)
            {
                row.BeginDelete(now);
                db.Sagas().Start<InstanceDeleteSaga, InstanceSagaData>(new InstanceSagaData(row.Id), row.Id.Value);
            }

            return Task.FromResult("deleting");
        }, ct);
        var latest = await waiter.WaitAsync(instance, wait, ct);
        return latest.Status == InstanceStatus.Deleted
            ? TypedResults.NoContent()
            : ResourceResults.Accepted(context, InstanceView.From(latest), latest.Version);
    }
}
