using Cloud.Backup.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Vaults;

internal static class GetVault
{
    public static async Task<IResult> HandleAsync(string id, Caller caller, HttpContext context, BackupDbContext db, CancellationToken ct)
    {
        var vault = await db.Vaults.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return ResourceResults.Ok(context, VaultView.From(vault), vault.Version);
    }
}
