using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>The processors of a simulated guest at this moment.</summary>
/// <param name="Items">One each.</param>
internal sealed record InstanceHarts(IReadOnlyList<GuestHart> Items);

/// <summary>Registers, CSRs and mode of each processor, and how it translates an address.</summary>
internal static class GetInstanceHarts
{
    public static async Task<InstanceHarts> HandleAsync(
        string id, string? address, Caller caller, ComputeDbContext db, HostDirectory hosts, CancellationToken ct)
    {
        if (address is not null)
        {
            HartAddress.Parse(address);
        }

        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return new InstanceHarts(await hosts.AgentOf(instance.HostName).ReadHartsAsync(instance.Id.Value, address, ct));
    }
}
