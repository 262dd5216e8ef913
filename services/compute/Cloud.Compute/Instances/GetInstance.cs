using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

internal static class GetInstance
{
    public static async Task<IResult> HandleAsync(
        string id,
        Caller caller,
        WaitQuery wait,
        HttpContext context,
        IDbContextFactory<ComputeDbContext> databases,
        InstanceReads reads,
        InstanceWaiter waiter,
        CancellationToken ct)
    {
        if (!wait.Waits && reads.TryFind(id, caller.Project, out var read))
        {
            return ResourceResults.Ok(context, read.Json, read.Tag);
        }

        var stamp = reads.Stamp;
        await using var db = await databases.CreateDbContextAsync(ct);
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        reads.Keep(instance, stamp);
        instance = await waiter.WaitAsync(instance, wait, ct);
        return ResourceResults.Ok(context, InstanceView.From(instance), instance.Version);
    }
}
