using Cloud.Backup.Persistence;
using Cloud.Backup.Plans;
using Cloud.Backup.RecoveryPoints;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Vaults;

/// <summary>Removes a vault and all that it holds. A plan that uses it, or a locked recovery point in it, holds it.</summary>
internal static class DeleteVault
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, HttpContext context, BackupDbContext db, ReconcilerSignals signals, TimeProvider time,
        CancellationToken ct)
    {
        if (VaultId.TryParse(id, out var vaultId) && await db.Vaults.AsNoTracking().AnyAsync(
            row => row.Id == vaultId && row.Project == caller.Project && row.Status == VaultStatus.Deleted, ct))
        {
            return TypedResults.NoContent();
        }

        var now = time.GetUtcNow();
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var vault = await db.Vaults.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(vault.Version);
        if (await db.Plans.Existing().FirstOrDefaultAsync(row => row.Vault == vault.Id || row.CopyTo == vault.Id, ct) is { } plan)
        {
            throw CloudException.Conflict("vault-in-use", $"Backup plan '{plan.Name}' uses vault '{vault.Name}'.");
        }

        if (vault.Status == VaultStatus.Active)
        {
            foreach (var point in await db.RecoveryPoints.Existing().Where(point => point.Vault == vault.Id).ToListAsync(ct))
            {
                point.BeginDelete(now);
                db.AddPointEvent(point, "deleting");
            }

            vault.BeginDelete(now);
            db.AddVaultEvent(vault, "deleting");
            await db.SaveChangesAsync(ct);
            await transaction.CommitAsync(ct);
        }

        signals.Wake<VaultKeeper>();
        return ResourceResults.Accepted(context, VaultView.From(vault), vault.Version);
    }
}
