using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

internal static class GetHost
{
    public static async Task<IResult> HandleAsync(
        string id, HttpContext context, ComputeDbContext db, TimeProvider time, CancellationToken ct)
    {
        var host = HostId.TryParse(id, out var hostId)
            ? await db.Hosts.AsNoTracking().SingleOrDefaultAsync(row => row.Id == hostId, ct)
            : await db.Hosts.AsNoTracking().SingleOrDefaultAsync(row => row.Name == id, ct);
        return host is null
            ? throw CloudException.NotFound("host", id)
            : ResourceResults.Ok(context, HostView.From(host, time.GetUtcNow()), host.Version);
    }
}
