using Cloud.Backup.Persistence;
using Cloud.Backup.Vaults;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.RecoveryPoints;

/// <summary>Says of recovery points that their vault has lost bytes of them, and that it has them again.</summary>
internal sealed class DamageMarks(IDbContextFactory<BackupDbContext> databases, TimeProvider time)
{
    /// <param name="damaged">The points that are, with the reason of each; all others are whole.</param>
    public static async Task MarkAsync(
        BackupDbContext db, VaultId vault, IReadOnlyDictionary<string, string> damaged, DateTimeOffset now, CancellationToken ct)
    {
        foreach (var point in await db.RecoveryPoints.Existing().Where(row => row.Vault == vault).ToListAsync(ct))
        {
            var isDamaged = damaged.TryGetValue(point.Id.Value, out var reason);
            if (isDamaged && point.Status == RecoveryPointStatus.Available)
            {
                point.IsDamaged(reason!, now);
                db.AddPointEvent(point, "damaged");
            }
            else if (!isDamaged && point.Status == RecoveryPointStatus.Damaged)
            {
                point.IsHealed(now);
                db.AddPointEvent(point, "healed");
            }
        }
    }

    /// <summary>After a backup: which of the damaged points are whole again.</summary>
    public async Task HealAsync(VaultId id, Vault vault, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var healed = new List<RecoveryPointId>();
        foreach (var point in await db.RecoveryPoints.AsNoTracking()
            .Where(row => row.Vault == id && row.Status == RecoveryPointStatus.Damaged).ToListAsync(ct))
        {
            if (await vault.FindDamageAsync(point.Id.Value, point.Digest, ct) is null)
            {
                healed.Add(point.Id);
            }
        }

        if (healed.Count == 0)
        {
            return;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        foreach (var point in await db.RecoveryPoints
            .Where(row => healed.Contains(row.Id) && row.Status == RecoveryPointStatus.Damaged).ToListAsync(ct))
        {
            point.IsHealed(time.GetUtcNow());
            db.AddPointEvent(point, "healed");
        }

        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
    }
}
