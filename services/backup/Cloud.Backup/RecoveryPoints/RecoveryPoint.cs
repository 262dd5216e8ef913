using Cloud.Backup.Plans;
using Cloud.Backup.Vaults;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Backup.RecoveryPoints;

/// <summary>What a look at a recovery point found.</summary>
/// <param name="Result"><c>restorable</c>, or why not.</param>
public sealed record Verification(DateTimeOffset At, string Result, double Seconds)
{
    public const string Restorable = "restorable";
}

/// <summary>A copy of a resource as it was at one instant, that restores by itself.</summary>
internal sealed class RecoveryPoint : IVersioned
{
    private RecoveryPoint()
    {
    }

    public RecoveryPointId Id { get; private init; }

    public string Project { get; private init; } = "";

    public PlanId? Plan { get; private init; }

    public VaultId Vault { get; private init; }

    /// <summary>Its id.</summary>
    public string Resource { get; private init; } = "";

    /// <summary>What the resource was called.</summary>
    public string ResourceName { get; private init; } = "";

    public long SizeBytes { get; private init; }

    /// <summary>What the vault grew by.</summary>
    public long StoredBytes { get; private init; }

    /// <summary>The snapshot whose bytes these are, kept while it is the newest: the next backup reads what changed since.</summary>
    public string? Snapshot { get; private set; }

    /// <summary>The point that this is a copy of.</summary>
    public string? CopyOf { get; private init; }

    public DateTimeOffset? LockedUntil { get; private init; }

    /// <summary>Of its file in the vault, as it was stored; null for one that is older than these digests.</summary>
    public string? Digest { get; private init; }

    /// <summary>It came with a vault that somebody took over who is no admin: who has the vault's key may have made it up.</summary>
    public bool IsForeign { get; private init; }

    /// <summary>It can be restored to all times from this one to its own; null where to its own only.</summary>
    public DateTimeOffset? RestorableFrom { get; private init; }

    public Verification? Verified { get; private set; }

    public RecoveryPointStatus Status { get; private set; }

    public string? StatusReason { get; private set; }

    /// <summary>When the bytes were as they are.</summary>
    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public static RecoveryPoint Create(NewRecoveryPoint made, DateTimeOffset now) => new()
    {
        Id = made.Id,
        Project = made.Project,
        Plan = made.Plan,
        Vault = made.Vault,
        Resource = made.Resource,
        ResourceName = made.ResourceName,
        SizeBytes = made.SizeBytes,
        StoredBytes = made.StoredBytes,
        Snapshot = made.Snapshot,
        CopyOf = made.CopyOf,
        LockedUntil = made.LockedUntil,
        RestorableFrom = made.RestorableFrom,
        Digest = made.Digest,
        IsForeign = made.IsForeign,
        Status = RecoveryPointStatus.Available,
        CreatedAt = made.TakenAt,
        UpdatedAt = now,
    };

    public bool IsLocked(DateTimeOffset now) => LockedUntil > now;

    public void SnapshotIsGone() => Snapshot = null;

    public void WasVerified(Verification verification)
    {
        Verified = verification;
        UpdatedAt = verification.At;
    }

    public void IsDamaged(string reason, DateTimeOffset now) =>
        (Status, StatusReason, UpdatedAt) = (RecoveryPointStatus.Damaged, reason, now);

    public void IsHealed(DateTimeOffset now) => (Status, StatusReason, UpdatedAt) = (RecoveryPointStatus.Available, null, now);

    /// <exception cref="CloudException">It goes, or is damaged.</exception>
    public void RequireRestorable()
    {
        if (Status != RecoveryPointStatus.Available)
        {
            throw CloudException.Conflict(
                "recovery-point-damaged", $"Recovery point {Id} is {ServiceDefaults.EnumWords.Of(Status)}. {StatusReason}".TrimEnd());
        }
    }

    /// <summary>A job is to read it.</summary>
    /// <exception cref="CloudException">It goes.</exception>
    public void IsNeeded(DateTimeOffset now)
    {
        if (Status is RecoveryPointStatus.Deleting or RecoveryPointStatus.Deleted)
        {
            throw CloudException.NotFound("recovery point", Id.Value);
        }

        UpdatedAt = now;
    }

    /// <exception cref="CloudException">It does not open this time; the times that it opens are in the answer.</exception>
    public void RequireOpens(DateTimeOffset to)
    {
        if (RestorableFrom is not { } from || to < from || to > CreatedAt)
        {
            throw CloudException.Invalid(
                "to", RestorableFrom is { } earliest
                    ? $"Expected a time from {earliest.UtcDateTime:O} to {CreatedAt.UtcDateTime:O}."
                    : "Only a recovery point of a database opens more times than its own.");
        }
    }

    /// <exception cref="CloudException">It is locked.</exception>
    public void BeginDelete(DateTimeOffset now)
    {
        if (IsLocked(now))
        {
            throw CloudException.Conflict("recovery-point-locked", $"Recovery point {Id} is locked until {LockedUntil:u}.");
        }

        (Status, UpdatedAt) = (RecoveryPointStatus.Deleting, now);
    }

    public void IsDeleted(DateTimeOffset now) =>
        (Status, StatusReason, Snapshot, UpdatedAt) = (RecoveryPointStatus.Deleted, null, null, now);
}

/// <summary>What a recovery point is made of.</summary>
internal sealed record NewRecoveryPoint(
    RecoveryPointId Id, string Project, PlanId? Plan, VaultId Vault, string Resource, string ResourceName, long SizeBytes, long StoredBytes,
    string? Snapshot, string? CopyOf, DateTimeOffset? LockedUntil, DateTimeOffset TakenAt, DateTimeOffset? RestorableFrom, string Digest,
    bool IsForeign = false);
