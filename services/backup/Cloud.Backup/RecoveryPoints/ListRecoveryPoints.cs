using Cloud.Backup.Persistence;
using Cloud.Backup.Plans;
using Cloud.Backup.Vaults;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.RecoveryPoints;

internal static class ListRecoveryPoints
{
    public static async Task<Page<RecoveryPointView>> HandleAsync(
        string? plan, string? vault, string? resource, Caller caller, ListQuery list, HttpContext context, BackupDbContext db,
        CancellationToken ct)
    {
        var rows = db.RecoveryPoints.AsNoTracking().Existing().Where(point => point.Project == caller.Project);
        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<RecoveryPointStatus>(statusText, "status");
            rows = rows.Where(point => point.Status == status);
        }

        if (plan is not null)
        {
            var planId = await db.Plans.FindIdAsync(caller, plan, ct);
            rows = rows.Where(point => point.Plan == planId);
        }

        if (vault is not null)
        {
            var vaultId = VaultId.TryParse(vault, out var parsed)
                ? parsed
                : (await db.Vaults.AsNoTracking().FindOrDefaultAsync(caller.Project, vault, ct))?.Id
                    ?? throw CloudException.Invalid("vault", "Expected a vault's name or id.");
            rows = rows.Where(point => point.Vault == vaultId);
        }

        if (resource is not null)
        {
            rows = rows.Where(point => point.Resource == resource);
        }

        if (list.After is { } after)
        {
            rows = rows.Where(point => string.Compare((string)(object)point.Id, after) > 0);
        }

        var found = await rows.OrderBy(point => point.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, point => point.Id.Value, RecoveryPointView.From);
    }
}
