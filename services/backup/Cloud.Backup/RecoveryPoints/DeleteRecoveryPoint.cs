using Cloud.Backup.Persistence;
using Cloud.Backup.Vaults;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.RecoveryPoints;

internal static class DeleteRecoveryPoint
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, BackupDbContext db, ReconcilerSignals signals, TimeProvider time, CancellationToken ct)
    {
        if (RecoveryPointId.TryParse(id, out var pointId) && await db.RecoveryPoints.AsNoTracking().AnyAsync(
            row => row.Id == pointId && row.Project == caller.Project
                && (row.Status == RecoveryPointStatus.Deleting || row.Status == RecoveryPointStatus.Deleted), ct))
        {
            return TypedResults.NoContent();
        }

        var point = await db.RecoveryPoints.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(point.Version);
        point.BeginDelete(time.GetUtcNow());
        db.AddPointEvent(point, "deleting");
        await db.SaveChangesAsync(ct);
        signals.Wake<VaultKeeper>();
        return TypedResults.NoContent();
    }
}
