using Cloud.Backup.Persistence;
using Cloud.Backup.Plans;
using Cloud.Backup.RecoveryPoints;
using Cloud.Backup.Sources;
using Cloud.Backup.Vaults;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Jobs;

/// <summary>What jobs do. Each can be begun again after any crash, with the outcome of once.</summary>
internal sealed class JobWork(
    IDbContextFactory<BackupDbContext> databases, OpenVaults vaults, BackupSources sources, PlanRetention retention, DamageMarks damage,
    JobChanges changes, TimeProvider time)
{
    /// <summary>So many damaged packs a vault's reason names.</summary>
    private const int LostNamedMax = 3;

    /// <returns>The job's end, to be saved with its row.</returns>
    public async Task<Func<BackupDbContext, BackupJob, DateTimeOffset, Task<bool>>> RunAsync(JobId id, JobMeter meter, CancellationToken ct)
    {
        BackupJob job;
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            job = await db.Jobs.AsNoTracking().SingleAsync(row => row.Id == id, ct);
        }

        var vault = await vaults.OpenAsync(job.Vault, ct);
        return job.Kind switch
        {
            JobKind.Backup => await BackUpAsync(job, vault, meter, ct),
            JobKind.Restore => await RestoreAsync(job, vault, meter, ct),
            JobKind.Copy => await CopyAsync(job, vault, meter, ct),
            _ => job.RecoveryPoint is null ? await VerifyVaultAsync(job, vault, ct) : await VerifyPointAsync(job, vault, meter, ct),
        };
    }

    /// <summary>Removes what a job was making that failed or was cancelled; what it has stored goes with the next prune.</summary>
    public async Task TidyAsync(JobId id, CancellationToken ct)
    {
        BackupJob job;
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            job = await db.Jobs.AsNoTracking().SingleAsync(row => row.Id == id, ct);
        }

        if (!job.TidyDue)
        {
            // Somebody has it tried again.
            return;
        }

        if (sources.FindOf(job.Resource) is { } source)
        {
            await source.TidyAsync(EndedOf(job), ct);
        }

        await changes.ApplyAsync(id, null, async (db, row, _) =>
        {
            row.IsTidied();
            var stored = row.Kind switch
            {
                JobKind.Backup => row.Vault,
                JobKind.Copy => row.TargetVault,
                _ => (VaultId?)null,
            };
            if (stored is { } written)
            {
                (await db.Vaults.SingleAsync(vault => vault.Id == written, ct)).NeedsPrune();
            }

            return true;
        }, ct);
    }

    private async Task<Func<BackupDbContext, BackupJob, DateTimeOffset, Task<bool>>> BackUpAsync(
        BackupJob job, Vault vault, JobMeter meter, CancellationToken ct)
    {
        var point = job.RecoveryPoint!.Value;
        var source = sources.Of(job.Resource);
        if (job.WasBegunBefore)
        {
            // What the process died under kept the resource as it was then; the point says that it is as of now.
            await source.TidyAsync(EndedOf(job), ct);
        }

        var (earlier, earlierSnapshot) = await FindEarlierAsync(job, vault, ct);
        using var writer = vault.BeginWriting();
        meter.Measure(writer);
        var taken = await source.BackUpAsync(
            new BackupRun(job.Project, job.Resource, TailOf(job), vault, writer, earlier, earlierSnapshot, meter.Progress)
            {
                KeepAsync = kept => KeepAsync(job.Id, kept, ct),
            }, ct);
        DateTimeOffset? lockedUntil;
        string digest;
        try
        {
            (lockedUntil, digest) = await SavePointAsync(job, vault, writer, taken, ct);
        }
        catch when (taken.Snapshot is not null)
        {
            await source.ForgetAsync(job.Project, taken.Snapshot, CancellationToken.None);
            throw;
        }

        await damage.HealAsync(job.Vault, vault, ct);
        return async (db, row, now) =>
        {
            var made = RecoveryPoint.Create(
                new NewRecoveryPoint(
                    point, job.Project, job.Plan, job.Vault, job.Resource, taken.ResourceName, taken.SizeBytes, writer.StoredBytes,
                    taken.Snapshot, null, lockedUntil, taken.TakenAt, taken.RestorableFrom, digest), now);
            db.RecoveryPoints.Add(made);
            db.AddPointEvent(made, "available");
            row.Succeeds(null, now);
            await HoldsAsync(db, job.Vault, vault, ct);
            await retention.FollowUpAsync(db, row, made, now, ct);
            return true;
        };
    }

    /// <returns>How long it is locked, and the digest of its file.</returns>
    private async Task<(DateTimeOffset? LockedUntil, string Digest)> SavePointAsync(
        BackupJob job, Vault vault, VaultWriter writer, TakenBackup taken, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await db.Vaults.AsNoTracking().SingleAsync(other => other.Id == job.Vault, ct);
        row.RequireActive();
        var lockedUntil = row.LockedUntil(taken.TakenAt);
        var digest = await writer.SavePointAsync(
            new PointDocument
            {
                Id = job.RecoveryPoint!.Value.Value,
                Kind = taken.Kind,
                Resource = job.Resource,
                ResourceName = taken.ResourceName,
                TakenAt = taken.TakenAt,
                LockedUntil = lockedUntil,
                RestorableFrom = taken.RestorableFrom,
                Streams = taken.Streams,
                Properties = taken.Properties,
            }, ct);
        return (lockedUntil, digest);
    }

    /// <summary>The newest point of the resource that the vault still has.</summary>
    private async Task<(PointDocument? Point, string? Snapshot)> FindEarlierAsync(BackupJob job, Vault vault, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await db.RecoveryPoints.AsNoTracking().Of(job.Vault, job.Resource).FirstOrDefaultAsync(ct);
        if (row is null)
        {
            return (null, null);
        }

        try
        {
            return (await vault.ReadPointAsync(row.Id.Value, row.Digest, ct), row.Snapshot);
        }
        catch (VaultException)
        {
            // Its file is gone or damaged: this backup reads everything.
            return (null, null);
        }
    }

    private async Task<Func<BackupDbContext, BackupJob, DateTimeOffset, Task<bool>>> RestoreAsync(
        BackupJob job, Vault vault, JobMeter meter, CancellationToken ct)
    {
        var (point, source) = await ReadPointAsync(job, vault, ct);
        var run = new RestoreRun(job.Project, TailOf(job), vault, point, meter.Progress)
        {
            To = job.RestoresTo,
            KeepAsync = kept => KeepAsync(job.Id, kept, ct),
        };
        if (job.TargetName is { } name)
        {
            var made = await source.RestoreAsync(run, name, ct);
            return End((row, now) => row.Succeeds(made, now));
        }

        var safety = await source.RestoreInPlaceAsync(run, ct);
        return End((row, now) =>
        {
            row.Keeps(safety);
            row.Succeeds(point.Resource, now);
        });
    }

    private Task KeepAsync(JobId id, string kept, CancellationToken ct) => changes.ApplyAsync(id, null, (_, row, _) =>
    {
        row.Keeps(kept);
        return Task.FromResult(true);
    }, ct);

    /// <summary>What the job's point holds, if it is the one that was stored, and how that is restored.</summary>
    private async Task<(PointDocument Point, IBackupSource Source)> ReadPointAsync(BackupJob job, Vault vault, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await db.RecoveryPoints.AsNoTracking().SingleAsync(other => other.Id == job.RecoveryPoint, ct);
        var point = await vault.ReadPointAsync(row.Id.Value, row.Digest, ct);
        var source = sources.OfKind(point.Kind);
        return row.IsForeign && source.RunsOnTheHost
            ? throw new CloudException(
                ErrorKind.Forbidden, "recovery-point-untrusted",
                $"Recovery point {row.Id} came with a vault that no admin took over: what is started of it would run beside the cloud.")
            : (point, source);
    }

    private async Task<Func<BackupDbContext, BackupJob, DateTimeOffset, Task<bool>>> VerifyPointAsync(
        BackupJob job, Vault vault, JobMeter meter, CancellationToken ct)
    {
        var started = time.GetTimestamp();
        TryResult tried;
        try
        {
            var (point, source) = await ReadPointAsync(job, vault, ct);
            var run = new RestoreRun(job.Project, TailOf(job), vault, point, meter.Progress) { Command = await CommandAsync(job, ct) };
            tried = await source.TryAsync(run, ct);
        }
        catch (VaultException damaged)
        {
            tried = TryResult.Damaged(damaged.Message);
        }

        var seconds = Math.Round(time.GetElapsedTime(started).TotalSeconds, 3);
        return async (db, row, now) =>
        {
            var point = await db.RecoveryPoints.SingleAsync(other => other.Id == job.RecoveryPoint, ct);
            point.WasVerified(new Verification(now, tried.Wrong ?? Verification.Restorable, seconds));
            if (tried.Wrong is not { } wrong)
            {
                row.Succeeds(null, now);
                db.AddPointEvent(point, "verified");
            }
            else
            {
                if (tried.IsDamaged)
                {
                    point.IsDamaged(wrong, now);
                }

                row.Fails(wrong, now);
                db.AddPointEvent(point, tried.IsDamaged ? "damaged" : "unproven");
            }

            return true;
        };
    }

    /// <summary>What the plan of a point has run in the instance that is tried.</summary>
    private async Task<IReadOnlyList<string>?> CommandAsync(BackupJob job, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return (await db.Plans.AsNoTracking().SingleOrDefaultAsync(plan => plan.Id == job.Plan, ct))?.VerifyCommand;
    }

    private async Task<Func<BackupDbContext, BackupJob, DateTimeOffset, Task<bool>>> VerifyVaultAsync(
        BackupJob job, Vault vault, CancellationToken ct)
    {
        var report = await vault.VerifyAsync(await DigestsAsync(job.Vault, ct), ct);
        return async (db, row, now) =>
        {
            var owner = await db.Vaults.SingleAsync(other => other.Id == job.Vault, ct);
            var reason = report.Lost.Count == 0 && report.DamagedPoints.Count == 0
                ? null
                : $"{report.Lost.Count} packs and {report.DamagedPoints.Count} recovery points are damaged. "
                    + string.Join("; ", report.Lost.Take(LostNamedMax));
            owner.WasVerified(reason, now);
            owner.Holds(vault.StoredBytes);
            await DamageMarks.MarkAsync(db, job.Vault, report.DamagedPoints, now, ct);
            row.Progresses(new JobProgress(report.ReadBytes, report.ReadBytes, 0, 0), now);
            if (reason is null)
            {
                row.Succeeds(null, now);
                db.AddVaultEvent(owner, "verified");
            }
            else
            {
                row.Fails(reason, now);
                db.AddVaultEvent(owner, "damaged");
            }

            return true;
        };
    }

    /// <summary>The digests of a vault's points, by their ids.</summary>
    private async Task<IReadOnlyDictionary<string, string>> DigestsAsync(VaultId vault, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.RecoveryPoints.AsNoTracking().Existing().Where(point => point.Vault == vault && point.Digest != null)
            .ToDictionaryAsync(point => point.Id.Value, point => point.Digest!, ct);
    }

    private async Task<Func<BackupDbContext, BackupJob, DateTimeOffset, Task<bool>>> CopyAsync(
        BackupJob job, Vault vault, JobMeter meter, CancellationToken ct)
    {
        var target = await vaults.OpenAsync(job.TargetVault!.Value, ct);
        RecoveryPoint original;
        BackupVault targetRow;
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            original = await db.RecoveryPoints.AsNoTracking().SingleAsync(row => row.Id == job.RecoveryPoint, ct);
            targetRow = await db.Vaults.AsNoTracking().SingleAsync(row => row.Id == job.TargetVault, ct);
        }

        targetRow.RequireActive();
        var lockedUntil = targetRow.LockedUntil(time.GetUtcNow());

        // Of the job, so that a job that is begun again makes the same one.
        var copyId = RecoveryPointId.FromValue($"{RecoveryPointId.Prefix}-{TailOf(job)}");
        meter.Progress.Expect(original.SizeBytes);
        using var writer = target.BeginWriting();
        meter.Measure(writer);
        var made = await vault.CopyPointAsync(
            original.Id.Value, original.Digest, target, writer, copyId.Value, lockedUntil, meter.Progress.Advance, ct);
        return async (db, row, now) =>
        {
            var copy = RecoveryPoint.Create(
                new NewRecoveryPoint(
                    copyId, job.Project, job.Plan, targetRow.Id, original.Resource, original.ResourceName, original.SizeBytes,
                    writer.StoredBytes, null, original.Id.Value, lockedUntil, original.CreatedAt,
                    original.RestorableFrom, made.Digest, original.IsForeign), now);
            db.RecoveryPoints.Add(copy);
            db.AddPointEvent(copy, "available");
            await HoldsAsync(db, targetRow.Id, target, ct);
            row.Succeeds(copyId.Value, now);
            return true;
        };
    }

    private static async Task HoldsAsync(BackupDbContext db, VaultId id, Vault vault, CancellationToken ct) =>
        (await db.Vaults.SingleAsync(row => row.Id == id, ct)).Holds(vault.StoredBytes);

    private static Func<BackupDbContext, BackupJob, DateTimeOffset, Task<bool>> End(Action<BackupJob, DateTimeOffset> end) =>
        (_, row, now) =>
        {
            end(row, now);
            return Task.FromResult(true);
        };

    private static EndedJob EndedOf(BackupJob job) => new(job.Project, TailOf(job), job.Kind, job.Resource, job.TargetName, job.Safety);

    /// <summary>A job's id without its kind, for names.</summary>
    private static string TailOf(BackupJob job) => job.Id.Value[(JobId.Prefix.Length + 1)..];
}
