using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

/// <summary>Look-ups of hosts.</summary>
internal static class HostQueries
{
    /// <exception cref="CloudException">There is no such host.</exception>
    public static async Task<ComputeHost> FindNamedAsync(this IQueryable<ComputeHost> hosts, string nameOrId, CancellationToken ct)
    {
        var host = HostId.TryParse(nameOrId, out var id)
            ? await hosts.SingleOrDefaultAsync(row => row.Id == id, ct)
            : await hosts.SingleOrDefaultAsync(row => row.Name == nameOrId, ct);
        return host ?? throw CloudException.NotFound("host", nameOrId);
    }
}
