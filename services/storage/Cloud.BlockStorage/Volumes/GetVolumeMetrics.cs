using Cloud.BlockStorage.Persistence;
using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

internal static class GetVolumeMetrics
{
    public static async Task<HostedVolumeMetrics> HandleAsync(
        string id, Caller caller, BlockStorageDbContext db, IVolumeHosts hosts, CancellationToken ct)
    {
        var volume = await db.Volumes.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return volume.HostName is { } host
            ? await hosts.ReadMetricsAsync(host, volume.Id.Value, ct)
            : throw CloudException.Conflict("volume-busy", "The volume has no host yet.");
    }
}
