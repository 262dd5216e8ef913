using Cloud.Backup.Persistence;
using Cloud.Backup.Vaults;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.RecoveryPoints;

internal static class DeleteRecoveryPoint
{
    /// <summary>How often a save is tried that another change came before.</summary>
    private const int TriesMax = 10;

    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, BackupDbContext db, ReconcilerSignals signals, TimeProvider time, CancellationToken ct)
    {
        if (RecoveryPointId.TryParse(id, out var pointId) && await db.RecoveryPoints.AsNoTracking().AnyAsync(
            row => row.Id == pointId && row.Project == caller.Project
                && (row.Status == RecoveryPointStatus.Deleting || row.Status == RecoveryPointStatus.Deleted), ct))
        {
            return TypedResults.NoContent();
        }

        for (var tries = 1; ; tries++)
        {
            var point = await db.RecoveryPoints.FindVisibleAsync(caller, id, ct);
            ifMatch.Require(point.Version);
            point.BeginDelete(time.GetUtcNow());
            db.AddPointEvent(point, "deleting");
            try
            {
                await db.SaveChangesAsync(ct);
                signals.Wake<VaultKeeper>();
                return TypedResults.NoContent();
            }
            catch (DbUpdateConcurrencyException) when (tries < TriesMax)
            {
                // A try of it ended at this moment.
                db.ChangeTracker.Clear();
            }
        }
    }
}
