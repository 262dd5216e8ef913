using Cloud.Backup.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Backup.Vaults;

/// <summary>The body of <c>PATCH /v1/vaults/{id}</c>: a merge patch.</summary>
public sealed record PatchVaultRequest
{
    public string? Name { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }

    /// <summary>Never fewer than before. What was made before keeps its own lock.</summary>
    public int? LockDays { get; init; }
}

internal static class PatchVault
{
    public static async Task<IResult> HandleAsync(
        string id, MergePatch<PatchVaultRequest> patch, Caller caller, IfMatch ifMatch, HttpContext context, BackupDbContext db,
        TimeProvider time, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var vault = await db.Vaults.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(vault.Version);
        var (fields, now) = (patch.Fields, time.GetUtcNow());
        if (patch.Has(nameof(fields.Name)))
        {
            vault.Rename(ResourceName.Require(fields.Name, "name"), now);
        }

        if (patch.Has(nameof(fields.Labels)))
        {
            vault.Relabel(LabelPatch.Apply(vault.Labels, fields.Labels), now);
        }

        if (patch.Has(nameof(fields.LockDays)))
        {
            vault.Lock(
                fields.LockDays is >= 0 and <= CreateVault.LockDaysMax
                    ? fields.LockDays.Value
                    : throw CloudException.Invalid("lockDays", $"Expected 0 to {CreateVault.LockDaysMax}."), now);
        }

        db.AddVaultEvent(vault, "changed");
        await db.SaveNamedAsync("vault", vault.Name, ct);
        await transaction.CommitAsync(ct);
        return ResourceResults.Ok(context, VaultView.From(vault), vault.Version);
    }
}
