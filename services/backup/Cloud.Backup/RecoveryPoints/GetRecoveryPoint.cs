using Cloud.Backup.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.RecoveryPoints;

internal static class GetRecoveryPoint
{
    public static async Task<IResult> HandleAsync(string id, Caller caller, HttpContext context, BackupDbContext db, CancellationToken ct)
    {
        var point = await db.RecoveryPoints.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return ResourceResults.Ok(context, RecoveryPointView.From(point), point.Version);
    }
}
