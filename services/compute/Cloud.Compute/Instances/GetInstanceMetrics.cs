using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

internal static class GetInstanceMetrics
{
    public static async Task<GuestMetrics> HandleAsync(
        string id, Caller caller, ComputeDbContext db, HostDirectory hosts, CancellationToken ct)
    {
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return await hosts.AgentOf(instance.HostName).ReadMetricsAsync(id, ct);
    }
}
