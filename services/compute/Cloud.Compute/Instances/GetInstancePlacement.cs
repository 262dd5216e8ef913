using Cloud.Compute.Persistence;
using Cloud.Compute.Placement;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>Each host as it was when the instance was placed: its score, or why it was refused.</summary>
/// <param name="Hosts">The best first.</param>
public sealed record InstancePlacementView(string? Host, IReadOnlyList<HostVerdict> Hosts);

internal static class GetInstancePlacement
{
    public static async Task<InstancePlacementView> HandleAsync(string id, Caller caller, ComputeDbContext db, CancellationToken ct)
    {
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var placement = await db.Placements.AsNoTracking().SingleAsync(placement => placement.Instance == instance.Id, ct);
        return new InstancePlacementView(instance.HostName, placement.Hosts);
    }
}
