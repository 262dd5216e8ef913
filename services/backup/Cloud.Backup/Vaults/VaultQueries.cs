using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Vaults;

/// <summary>Look-ups of vaults, scoped by the caller's project. A name or an id addresses one.</summary>
internal static class VaultQueries
{
    /// <summary>All but the deleted, whose rows stay for the answer to a second DELETE.</summary>
    public static IQueryable<BackupVault> Existing(this IQueryable<BackupVault> vaults) =>
        vaults.Where(vault => vault.Status != VaultStatus.Deleted);

    /// <returns>Null where the project has none such.</returns>
    public static Task<BackupVault?> FindOrDefaultAsync(
        this IQueryable<BackupVault> vaults, string project, string nameOrId, CancellationToken ct) =>
        VaultId.TryParse(nameOrId, out var id)
            ? vaults.Existing().SingleOrDefaultAsync(vault => vault.Id == id && vault.Project == project, ct)
            : vaults.Existing().SingleOrDefaultAsync(vault => vault.Name == nameOrId && vault.Project == project, ct);

    /// <exception cref="CloudException">The project has no such vault.</exception>
    public static async Task<BackupVault> FindVisibleAsync(
        this IQueryable<BackupVault> vaults, Caller caller, string nameOrId, CancellationToken ct) =>
        await vaults.FindOrDefaultAsync(caller.Project, nameOrId, ct) ?? throw CloudException.NotFound("vault", nameOrId);
}
