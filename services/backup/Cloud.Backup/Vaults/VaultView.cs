using Cloud.Primitives;

namespace Cloud.Backup.Vaults;

/// <summary>A vault as the API shows it.</summary>
/// <param name="Location">The folder, or the endpoint, bucket and prefix; null where the cloud keeps it.</param>
/// <param name="LockDays">A new recovery point cannot be removed for so many days; 0 for no lock.</param>
/// <param name="StatusReason">What the last verify found, if anything.</param>
public sealed record VaultView(
    VaultId Id, string Name, Labels Labels, VaultKind Kind, string? Location, int LockDays, VaultStatus Status, string? StatusReason,
    long StoredBytes, DateTimeOffset? VerifiedAt, DateTimeOffset? PrunedAt, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static VaultView From(BackupVault vault) => new(
        vault.Id, vault.Name, vault.Labels, vault.Kind, vault.Kind == VaultKind.Managed ? null : vault.Location, vault.LockDays,
        vault.Status, vault.StatusReason, vault.StoredBytes, vault.VerifiedAt, vault.PrunedAt, vault.CreatedAt, vault.UpdatedAt);
}
