using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Backup.Vaults;

/// <summary>A vault as the service knows it: where it lies, and its key, sealed.</summary>
internal sealed class BackupVault : IVersioned
{
    /// <summary>The name of the vault that is made where a plan names none.</summary>
    public const string DefaultName = "default";

    private BackupVault()
    {
    }

    public VaultId Id { get; private init; }

    public string Project { get; private init; } = "";

    public string Name { get; private set; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels => Labels.FromText(LabelText);

    public VaultKind Kind { get; private init; }

    /// <summary>A folder's path; an endpoint, a bucket and a prefix as JSON; or a prefix in the private bucket.</summary>
    public string Location { get; private init; } = "";

    /// <summary>The vault's key and what opens its endpoint, sealed by the service's own key.</summary>
    public string SealedSecrets { get; private init; } = "";

    /// <summary>A new recovery point cannot be removed for so many days.</summary>
    public int LockDays { get; private set; }

    public VaultStatus Status { get; private set; }

    public string? StatusReason { get; private set; }

    public long StoredBytes { get; private set; }

    public DateTimeOffset? VerifiedAt { get; private set; }

    public DateTimeOffset? PrunedAt { get; private set; }

    /// <summary>Recovery points were removed since the last prune.</summary>
    public bool PruneDue { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public static BackupVault Create(
        VaultId id, string project, string name, Labels labels, VaultKind kind, string location, string sealedSecrets, int lockDays,
        DateTimeOffset now) => new()
        {
            Id = id,
            Project = project,
            Name = name,
            LabelText = labels.Text,
            Kind = kind,
            Location = location,
            SealedSecrets = sealedSecrets,
            LockDays = lockDays,
            Status = VaultStatus.Active,
            CreatedAt = now,
            UpdatedAt = now,
        };

    /// <exception cref="CloudException">It goes.</exception>
    public void RequireActive()
    {
        if (Status != VaultStatus.Active)
        {
            throw CloudException.Conflict("vault-busy", $"Vault '{Name}' is being deleted.");
        }
    }

    public void Rename(string name, DateTimeOffset now) => (Name, UpdatedAt) = (name, now);

    public void Relabel(Labels labels, DateTimeOffset now) => (LabelText, UpdatedAt) = (labels.Text, now);

    /// <exception cref="CloudException">It would be shorter: a lock that its owner can take off is none.</exception>
    public void Lock(int days, DateTimeOffset now)
    {
        if (days < LockDays)
        {
            throw CloudException.Conflict("vault-locked", $"Vault '{Name}' is locked for {LockDays} days; that can only be made longer.");
        }

        (LockDays, UpdatedAt) = (days, now);
    }

    /// <returns>Null where the vault is not locked.</returns>
    public DateTimeOffset? LockedUntil(DateTimeOffset now) => LockDays == 0 ? null : now.AddDays(LockDays);

    public void Holds(long storedBytes) => StoredBytes = storedBytes;

    public void WasVerified(string? reason, DateTimeOffset now) => (VerifiedAt, StatusReason) = (now, reason);

    public void NeedsPrune() => PruneDue = true;

    public void WasPruned(long storedBytes, DateTimeOffset now) => (PruneDue, PrunedAt, StoredBytes) = (false, now, storedBytes);

    public void BeginDelete(DateTimeOffset now) => (Status, UpdatedAt) = (VaultStatus.Deleting, now);

    public void IsDeleted(DateTimeOffset now) => (Status, StatusReason, UpdatedAt) = (VaultStatus.Deleted, null, now);
}
