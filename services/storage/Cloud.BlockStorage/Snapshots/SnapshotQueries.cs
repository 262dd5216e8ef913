using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>Look-ups of snapshots, scoped by the caller's project.</summary>
internal static class SnapshotQueries
{
    /// <summary>All but the deleted, whose rows stay for the answer to a second DELETE.</summary>
    public static IQueryable<Snapshot> Existing(this IQueryable<Snapshot> snapshots) =>
        snapshots.Where(snapshot => snapshot.Status != SnapshotStatus.Deleted);

    /// <returns>Null where the caller's project has none such.</returns>
    public static async Task<Snapshot?> FindOrDefaultAsync(
        this IQueryable<Snapshot> snapshots, Caller caller, string id, CancellationToken ct) =>
        SnapshotId.TryParse(id, out var snapshotId)
            ? await snapshots.Existing().SingleOrDefaultAsync(row => row.Id == snapshotId && row.Project == caller.Project, ct)
            : null;

    /// <exception cref="CloudException">The project has no such snapshot.</exception>
    public static async Task<Snapshot> FindVisibleAsync(
        this IQueryable<Snapshot> snapshots, Caller caller, string id, CancellationToken ct) =>
        await snapshots.FindOrDefaultAsync(caller, id, ct) ?? throw CloudException.NotFound("snapshot", id);
}
