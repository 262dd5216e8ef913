using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

internal static class GetInstance
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, HttpContext context, ComputeDbContext db, InstanceWaiter waiter, CancellationToken ct)
    {
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        instance = await waiter.WaitAsync(instance, wait, ct);
        return ResourceResults.Ok(context, InstanceView.From(instance), instance.Version);
    }
}
