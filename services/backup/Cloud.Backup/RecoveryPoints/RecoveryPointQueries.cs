using Cloud.Backup.Vaults;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.RecoveryPoints;

/// <summary>Look-ups of recovery points, scoped by the caller's project.</summary>
internal static class RecoveryPointQueries
{
    /// <summary>Those that are there, whole or damaged.</summary>
    public static IQueryable<RecoveryPoint> Existing(this IQueryable<RecoveryPoint> points) => points.Where(
        point => point.Status == RecoveryPointStatus.Available || point.Status == RecoveryPointStatus.Damaged);

    /// <exception cref="CloudException">The project has no such point.</exception>
    public static async Task<RecoveryPoint> FindVisibleAsync(
        this IQueryable<RecoveryPoint> points, Caller caller, string id, CancellationToken ct) =>
        (RecoveryPointId.TryParse(id, out var pointId)
            ? await points.Existing().SingleOrDefaultAsync(point => point.Id == pointId && point.Project == caller.Project, ct)
            : null)
        ?? throw CloudException.NotFound("recovery point", id);

    /// <summary>Those of one resource in one vault, newest first.</summary>
    public static IQueryable<RecoveryPoint> Of(this IQueryable<RecoveryPoint> points, VaultId vault, string resource) =>
        points.Existing().Where(point => point.Vault == vault && point.Resource == resource)
            .OrderByDescending(point => point.CreatedAt).ThenByDescending(point => point.Id);
}
