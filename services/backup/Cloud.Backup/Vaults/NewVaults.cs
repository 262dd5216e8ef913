using Cloud.Backup.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Vaults;

/// <summary>Makes vaults: the place first, then the row, so that a row has a place.</summary>
internal sealed class NewVaults(
    IDbContextFactory<BackupDbContext> databases, OpenVaults vaults, SecretSeal seal, TimeProvider time)
{
    /// <param name="isTrusted">Whether points that are there already are taken for what a cloud stored.</param>
    public async Task<BackupVault> CreateAsync(
        string project, string name, Labels labels, VaultKind kind, Func<VaultId, string> locationOf, VaultSecrets secrets, int lockDays,
        bool isTrusted, CancellationToken ct)
    {
        var id = TypedId.New<VaultId>(time);
        var location = locationOf(id);
        using var made = await vaults.TryAsync(kind, location, secrets, id, ct);
        try
        {
            var row = BackupVault.Create(
                id, project, name, labels, kind, location, seal.Seal(secrets, id.Value), lockDays, time.GetUtcNow());
            row.Holds(made.StoredBytes);
            await using var db = await databases.CreateDbContextAsync(ct);
            await using var transaction = await db.Database.BeginTransactionAsync(ct);
            await db.Quotas().ReserveAsync(project, "vaults", 1, ct);
            db.Vaults.Add(row);
            await AdoptAsync(db, row, made, isTrusted, ct);
            db.AddVaultEvent(row, "active");
            await db.SaveNamedAsync("vault", name, ct);
            await transaction.CommitAsync(ct);
            return row;
        }
        catch (CloudException) when (kind == VaultKind.Managed)
        {
            await made.DestroyAsync(CancellationToken.None);
            throw;
        }
    }

    /// <summary>Where the cloud keeps a vault itself: its prefix in the private bucket.</summary>
    public static string PlaceOf(VaultId vault) => $"{vault}/";

    /// <summary>The project's default vault, made on first use.</summary>
    public async Task<BackupVault> DefaultAsync(string project, CancellationToken ct)
    {
        if (await FindAsync(project, ct) is { } found)
        {
            return found;
        }

        try
        {
            return await CreateAsync(
                project, BackupVault.DefaultName, Labels.None, VaultKind.Managed, PlaceOf,
                new VaultSecrets(VaultKey.Create().Export()), 0, isTrusted: true, ct);
        }
        catch (CloudException taken) when (taken.Code == "name-taken")
        {
            return (await FindAsync(project, ct))!;
        }
    }

    private async Task<BackupVault?> FindAsync(string project, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Vaults.AsNoTracking().FindOrDefaultAsync(project, BackupVault.DefaultName, ct);
    }

    /// <summary>The points that the vault came with, where it was another cloud's.</summary>
    private async Task AdoptAsync(BackupDbContext db, BackupVault row, Vault vault, bool isTrusted, CancellationToken ct)
    {
        foreach (var id in await vault.ListPointsAsync(ct))
        {
            if (!RecoveryPoints.RecoveryPointId.TryParse(id, out var pointId)
                || await db.RecoveryPoints.AnyAsync(point => point.Id == pointId, ct))
            {
                throw CloudException.Conflict("vault-in-use", "This cloud has a vault at that place already.");
            }

            try
            {
                var digest = await vault.DigestOfPointAsync(id, ct);
                var point = await vault.ReadPointAsync(id, digest, ct);
                db.RecoveryPoints.Add(RecoveryPoints.RecoveryPoint.Create(
                    new RecoveryPoints.NewRecoveryPoint(
                        pointId, row.Project, null, row.Id, point.Resource, point.ResourceName, point.Streams.Sum(one => one.SizeBytes), 0,
                        null, null, point.LockedUntil, point.TakenAt, point.RestorableFrom, digest, !isTrusted), time.GetUtcNow()));
            }
            catch (VaultException damaged)
            {
                throw CloudException.Conflict("vault-damaged", damaged.Message);
            }
        }
    }
}
