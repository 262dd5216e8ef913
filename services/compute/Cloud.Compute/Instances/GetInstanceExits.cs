using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>What left the guest and why, as its engine counted it since the process's start.</summary>
internal static class GetInstanceExits
{
    public static async Task<GuestExits> HandleAsync(
        string id, Caller caller, ComputeDbContext db, HostDirectory hosts, CancellationToken ct)
    {
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return await hosts.AgentOf(instance.HostName).ReadExitsAsync(instance.Id.Value, ct);
    }
}
