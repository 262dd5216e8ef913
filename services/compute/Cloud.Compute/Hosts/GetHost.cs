using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

internal static class GetHost
{
    public static async Task<IResult> HandleAsync(
        string id, HttpContext context, ComputeDbContext db, HostDirectory hosts, TimeProvider time, CancellationToken ct)
    {
        var host = await db.Hosts.AsNoTracking().FindNamedAsync(id, ct);
        return ResourceResults.Ok(context, await HostView.FromAsync(host, db, hosts, time.GetUtcNow(), ct), host.Version);
    }
}
