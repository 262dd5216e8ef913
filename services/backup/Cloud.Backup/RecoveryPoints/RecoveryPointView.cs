using Cloud.Backup.Plans;
using Cloud.Backup.Vaults;

namespace Cloud.Backup.RecoveryPoints;

/// <summary>A recovery point as the API shows it.</summary>
/// <param name="ResourceName">What the resource was called then.</param>
/// <param name="StoredBytes">What the vault grew by.</param>
/// <param name="Verified">The last restore test, or null where there was none.</param>
/// <param name="LockedUntil">It cannot be removed before.</param>
/// <param name="RestorableFrom">It can be restored <c>to</c> any time from this one to <c>createdAt</c>; null where to that only.</param>
/// <param name="CreatedAt">When the bytes were as they are.</param>
public sealed record RecoveryPointView(
    RecoveryPointId Id, PlanId? Plan, VaultId Vault, string Resource, string ResourceName, RecoveryPointStatus Status, string? StatusReason,
    long SizeBytes, long StoredBytes, Verification? Verified, string? CopyOf, DateTimeOffset? LockedUntil,
    DateTimeOffset? RestorableFrom, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static RecoveryPointView From(RecoveryPoint point) => new(
        point.Id, point.Plan, point.Vault, point.Resource, point.ResourceName, point.Status, point.StatusReason, point.SizeBytes,
        point.StoredBytes, point.Verified, point.CopyOf, point.LockedUntil, point.RestorableFrom, point.CreatedAt,
        point.UpdatedAt);
}
