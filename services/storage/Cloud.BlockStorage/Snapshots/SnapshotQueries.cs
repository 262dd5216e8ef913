using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Volumes;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
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

    /// <summary>By id or name.</summary>
    /// <returns>Null where the project has none such.</returns>
    public static async Task<Snapshot?> FindNamedOrDefaultAsync(
        this IQueryable<Snapshot> snapshots, string project, string idOrName, CancellationToken ct)
    {
        var own = snapshots.Existing().Where(snapshot => snapshot.Project == project);
        return SnapshotId.TryParse(idOrName, out var snapshotId)
            && await own.SingleOrDefaultAsync(row => row.Id == snapshotId, ct) is { } found
            ? found
            : await own.SingleOrDefaultAsync(row => row.Name == idOrName, ct);
    }

    /// <exception cref="CloudException">The project has no such snapshot.</exception>
    public static async Task<Snapshot> FindVisibleAsync(
        this IQueryable<Snapshot> snapshots, Caller caller, string id, CancellationToken ct) =>
        await snapshots.FindOrDefaultAsync(caller, id, ct) ?? throw CloudException.NotFound("snapshot", id);

    /// <exception cref="CloudException">A snapshot of one of the volumes is being taken or removed.</exception>
    public static async Task RequireSnapshotsAtRestAsync(
        this BlockStorageDbContext db, IReadOnlyList<VolumeId> volumes, CancellationToken ct)
    {
        if (await db.Snapshots.AsNoTracking().Where(row => volumes.Contains(row.Volume)
            && (row.Status == SnapshotStatus.Creating || row.Status == SnapshotStatus.Deleting)).FirstOrDefaultAsync(ct) is { } busy)
        {
            throw CloudException.Conflict("snapshot-busy", $"Snapshot '{busy.Name}' is {EnumWords.Of(busy.Status)}.");
        }
    }

    /// <summary>Says with the next save that a volume's snapshots are on its host.</summary>
    public static async Task TakeSnapshotsAlongAsync(this BlockStorageDbContext db, Volume volume, DateTimeOffset now, CancellationToken ct)
    {
        foreach (var snapshot in await db.Snapshots.Existing().Where(one => one.Volume == volume.Id).ToListAsync(ct))
        {
            snapshot.GoesTo(volume.HostName!, now);
        }
    }
}
