using Cloud.Backup.Jobs;
using Cloud.Backup.Persistence;
using Cloud.Backup.RecoveryPoints;
using Cloud.Backup.Sources;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.Backup.Vaults;

/// <summary>Takes out of vaults what goes: recovery points, then the chunks that only they named, then vaults.</summary>
internal sealed partial class VaultKeeper(
    IDbContextFactory<BackupDbContext> databases, OpenVaults vaults, BackupSources sources, ReconcilerSignals signals,
    IOptions<BackupOptions> options, TimeProvider time, ILogger<VaultKeeper> log) : IReconciler
{
    /// <summary>A round removes no more points; the next goes on.</summary>
    private const int PointsMax = 1000;

    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var leaving = await db.RecoveryPoints.AsNoTracking().Where(point => point.Status == RecoveryPointStatus.Deleting)
            .Where(point => !db.Jobs.Any(job => job.RecoveryPoint == point.Id && job.Kind != JobKind.Backup
                && (job.Status == JobStatus.Queued || job.Status == JobStatus.Running)))
            .OrderBy(point => point.Id).Take(PointsMax).ToListAsync(ct);
        foreach (var of in leaving.GroupBy(point => point.Vault))
        {
            await AttemptAsync(of.Key, () => RemovePointsAsync(of.Key, [.. of], ct));
        }

        await ReleaseSnapshotsAsync(ct);
        foreach (var vault in await db.Vaults.AsNoTracking().Existing().ToListAsync(ct))
        {
            if (vault.Status == VaultStatus.Deleting)
            {
                await AttemptAsync(vault.Id, () => RemoveVaultAsync(vault.Id, ct));
            }
            else if (vault.PruneDue && (vault.PrunedAt is null || time.GetUtcNow() - vault.PrunedAt >= options.Value.PruneEvery))
            {
                await AttemptAsync(vault.Id, () => PruneAsync(vault.Id, ct));
            }

            if (vault.Status == VaultStatus.Active && time.GetUtcNow() - (vault.VerifiedAt ?? vault.CreatedAt) >= options.Value.VerifyEvery)
            {
                await AttemptAsync(vault.Id, () => QueueVerifyAsync(vault.Id, ct));
            }
        }
    }

    /// <summary>Removes what no point names, and points of the vault that no row knows: their job died before it ended.</summary>
    public async Task<PruneReport> PruneAsync(VaultId id, CancellationToken ct)
    {
        var vault = await vaults.OpenAsync(id, ct);
        await RemoveOrphansAsync(id, vault, ct);
        var report = await vault.PruneAsync(ct);
        await ChangeVaultAsync(id, "pruned", (_, row, now) =>
        {
            row.WasPruned(vault.StoredBytes, now);
            return Task.CompletedTask;
        }, ct);
        return report;
    }

    /// <summary>
    /// A job stores its point first and saves the row after. So the rows are asked for last: when no job is under way, what was stored
    /// before that has its row by now, or gets none.
    /// </summary>
    private async Task RemoveOrphansAsync(VaultId id, Vault vault, CancellationToken ct)
    {
        var held = await vault.ListPointsAsync(ct);
        await using var db = await databases.CreateDbContextAsync(ct);
        foreach (var orphan in held.Except(await KnownAsync(), StringComparer.Ordinal))
        {
            if (await db.Jobs.AsNoTracking().AnyAsync(job => job.Status == JobStatus.Queued || job.Status == JobStatus.Running, ct))
            {
                return;
            }

            if (!(await KnownAsync()).Contains(orphan))
            {
                await vault.DeletePointAsync(orphan, ct);
            }
        }

        async Task<IReadOnlyList<string>> KnownAsync() => (await db.RecoveryPoints.AsNoTracking()
            .Where(point => point.Vault == id && point.Status != RecoveryPointStatus.Deleted).Select(point => point.Id).ToListAsync(ct))
            .ConvertAll(point => point.Value);
    }

    private async Task RemovePointsAsync(VaultId id, IReadOnlyList<RecoveryPoint> points, CancellationToken ct)
    {
        var vault = await vaults.OpenAsync(id, ct);
        foreach (var point in points)
        {
            await vault.DeletePointAsync(point.Id.Value, ct);
            if (point.Snapshot is { } snapshot && sources.FindOf(point.Resource) is { } source)
            {
                await source.ForgetAsync(point.Project, snapshot, ct);
            }
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var ids = points.Select(point => point.Id).ToList();
        foreach (var row in await db.RecoveryPoints.Where(row => ids.Contains(row.Id)).ToListAsync(ct))
        {
            row.IsDeleted(time.GetUtcNow());
            db.AddPointEvent(row, "deleted");
        }

        (await db.Vaults.SingleAsync(row => row.Id == id, ct)).NeedsPrune();
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
    }

    /// <summary>Only the newest point of a resource keeps the snapshot that the next backup asks for changes since.</summary>
    private async Task ReleaseSnapshotsAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var holders = await db.RecoveryPoints.Existing().Where(point => point.Snapshot != null).ToListAsync(ct);
        foreach (var older in holders.GroupBy(point => (point.Vault, point.Resource))
            .SelectMany(of => of.OrderByDescending(point => point.CreatedAt).ThenByDescending(point => point.Id.Value).Skip(1)))
        {
            try
            {
                await sources.Of(older.Resource).ForgetAsync(older.Project, older.Snapshot!, ct);
            }
            catch (Exception busy) when (busy is CloudException or IOException or HttpRequestException)
            {
                LogLater(log, busy, older.Vault);
                continue;
            }

            older.SnapshotIsGone();
            await db.SaveChangesAsync(ct);
        }
    }

    private async Task RemoveVaultAsync(VaultId id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await db.RecoveryPoints.AnyAsync(point => point.Vault == id && point.Status != RecoveryPointStatus.Deleted, ct)
            || await db.Jobs.AnyAsync(
                job => job.Vault == id && (job.Status == JobStatus.Queued || job.Status == JobStatus.Running), ct))
        {
            return;
        }

        await (await vaults.OpenAsync(id, ct)).DestroyAsync(ct);
        vaults.Forget(id);
        await ChangeVaultAsync(id, "deleted", (own, row, now) =>
        {
            row.IsDeleted(now);
            return own.Quotas().ReserveAsync(row.Project, "vaults", -1, ct);
        }, ct);
    }

    /// <summary>A verify of the whole vault, unless one is under way or has just ended.</summary>
    private async Task QueueVerifyAsync(VaultId id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var since = time.GetUtcNow() - options.Value.VerifyEvery;
        if (await db.Jobs.AnyAsync(
            job => job.Vault == id && job.Kind == JobKind.Verify && job.RecoveryPoint == null
                && (job.Status == JobStatus.Queued || job.Status == JobStatus.Running || job.EndedAt > since), ct))
        {
            return;
        }

        var verify = BackupJob.OfVault(
            TypedId.New<JobId>(time), await db.Vaults.SingleAsync(row => row.Id == id, ct), time.GetUtcNow());
        db.Jobs.Add(verify);
        db.AddJobEvent(verify, "queued");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        signals.Wake<JobRunner>();
    }

    private async Task ChangeVaultAsync(
        VaultId id, string what, Func<BackupDbContext, BackupVault, DateTimeOffset, Task> change, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var row = await db.Vaults.SingleAsync(vault => vault.Id == id, ct);
        await change(db, row, time.GetUtcNow());
        db.AddVaultEvent(row, what);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
    }

    /// <summary>One vault that is away holds up no other; the next round tries again.</summary>
    private async Task AttemptAsync(VaultId vault, Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception failed) when (
            failed is CloudException or VaultException or IOException or HttpRequestException or DbUpdateConcurrencyException)
        {
            LogLater(log, failed, vault);
        }
    }

    [LoggerMessage(EventId = 10010, Level = LogLevel.Warning, Message = "Vault {Vault} could not be tidied; the next round tries again")]
    private static partial void LogLater(ILogger log, Exception exception, VaultId vault);
}
