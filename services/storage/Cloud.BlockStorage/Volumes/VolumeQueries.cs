using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

/// <summary>Look-ups of volumes, scoped by the caller's project.</summary>
internal static class VolumeQueries
{
    /// <summary>All but the deleted, whose rows stay for the answer to a second DELETE.</summary>
    public static IQueryable<Volume> Existing(this IQueryable<Volume> volumes) =>
        volumes.Where(volume => volume.Status != VolumeStatus.Deleted);

    /// <returns>Null where the caller's project has none such.</returns>
    public static async Task<Volume?> FindOrDefaultAsync(
        this IQueryable<Volume> volumes, Caller caller, string id, CancellationToken ct) =>
        VolumeId.TryParse(id, out var volumeId)
            ? await volumes.Existing().SingleOrDefaultAsync(volume => volume.Id == volumeId && volume.Project == caller.Project, ct)
            : null;

    /// <summary>By id or name.</summary>
    /// <returns>Null where the project has none such.</returns>
    public static async Task<Volume?> FindNamedOrDefaultAsync(
        this IQueryable<Volume> volumes, string project, string idOrName, CancellationToken ct)
    {
        var own = volumes.Existing().Where(volume => volume.Project == project);
        return VolumeId.TryParse(idOrName, out var volumeId) && await own.SingleOrDefaultAsync(row => row.Id == volumeId, ct) is { } found
            ? found
            : await own.SingleOrDefaultAsync(row => row.Name == idOrName, ct);
    }

    /// <exception cref="CloudException">The project has no such volume.</exception>
    public static async Task<Volume> FindVisibleAsync(
        this IQueryable<Volume> volumes, Caller caller, string id, CancellationToken ct) =>
        await volumes.FindOrDefaultAsync(caller, id, ct) ?? throw CloudException.NotFound("volume", id);
}
