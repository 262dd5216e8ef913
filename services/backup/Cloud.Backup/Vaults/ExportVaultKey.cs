using Cloud.Backup.Persistence;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Backup.Vaults;

/// <summary>A vault's key as text: with it and a copy of the vault, everything in it can be restored without this cloud.</summary>
public sealed record VaultKeyView(VaultId Vault, string Key);

internal static class ExportVaultKey
{
    public static async Task<VaultKeyView> HandleAsync(
        string id, Caller caller, HttpContext context, BackupDbContext db, SecretSeal seal, CancellationToken ct)
    {
        var vault = await db.Vaults.FindVisibleAsync(caller, id, ct);
        context.Response.Headers.CacheControl = "no-store";
        db.AddVaultEvent(vault, "key-exported");
        await db.SaveChangesAsync(ct);
        return new VaultKeyView(vault.Id, seal.Open<VaultSecrets>(vault.SealedSecrets, vault.Id.Value).Key);
    }
}
