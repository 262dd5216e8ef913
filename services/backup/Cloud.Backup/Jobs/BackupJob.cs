using Cloud.Backup.Plans;
using Cloud.Backup.RecoveryPoints;
using Cloud.Backup.Vaults;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Backup.Jobs;

/// <summary>A step of a job's way.</summary>
public sealed record JobStep(DateTimeOffset At, string What);

/// <summary>
/// One piece of work on a vault.
/// <code>
/// queued ─▶ running ─▶ succeeded
///   │ ▲ later  ├─▶ failed ──┐
///   │ │        ▼            │ retry
///   └─┼──▶ cancelled ───────┤
///     └─────────────────────┘
/// </code>
/// </summary>
internal sealed class BackupJob : IVersioned
{
    /// <summary>A timeline has no more steps; a job that is tried for ever does not grow for ever.</summary>
    private const int StepsMax = 100;

    private const string Started = "started";

    private BackupJob()
    {
    }

    public JobId Id { get; private init; }

    public string Project { get; private init; } = "";

    public JobKind Kind { get; private init; }

    public PlanId? Plan { get; private init; }

    public VaultId Vault { get; private init; }

    /// <summary>What is backed up, or was.</summary>
    public string Resource { get; private init; } = "";

    /// <summary>The point that the job makes, or works on; null for one on the whole vault.</summary>
    public RecoveryPointId? RecoveryPoint { get; private init; }

    /// <summary>The vault to copy into.</summary>
    public VaultId? TargetVault { get; private init; }

    /// <summary>The name of what a restore makes; null where it goes in place.</summary>
    public string? TargetName { get; private init; }

    /// <summary>The time that a restore goes to, of those that its point opens; null for the point's own.</summary>
    public DateTimeOffset? RestoresTo { get; private init; }

    /// <summary>What a restore made or brought back.</summary>
    public string? Restored { get; private set; }

    /// <summary>What undoes a restore in place; what a backup keeps of its resource while it reads it; null for none.</summary>
    public string? Safety { get; private set; }

    public JobStatus Status { get; private set; }

    public string? StatusReason { get; private set; }

    public long BytesTotal { get; private set; }

    public long BytesRead { get; private set; }

    public long BytesStored { get; private set; }

    /// <summary>Chunks that were new to the vault.</summary>
    public long ChangedBlocks { get; private set; }

    public int Attempts { get; private set; }

    /// <summary>It is not begun again before; null for at once.</summary>
    public DateTimeOffset? NotBefore { get; private set; }

    public bool CancelRequested { get; private set; }

    /// <summary>It ended before its end: what it was making is removed.</summary>
    public bool TidyDue { get; private set; }

    public IReadOnlyList<JobStep> Timeline { get; private set; } = [];

    /// <summary>When its end is told to the plan's webhook; null for never or no more.</summary>
    public DateTimeOffset? WebhookDueAt { get; private set; }

    public int WebhookAttempts { get; private set; }

    public DateTimeOffset? StartedAt { get; private set; }

    public DateTimeOffset? EndedAt { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    /// <summary>
    /// What no other job may write to, or take for whole, meanwhile: the resource for its backup and a restore in place; what a restore
    /// makes; the whole vault for a verify. One that tries or copies a point has only itself.
    /// </summary>
    public string Target => Kind switch
    {
        JobKind.Backup => Resource,
        JobKind.Restore => TargetName is null ? Resource : $"{Project}/{Resource.Split('-')[0]}/{TargetName}",
        _ => RecoveryPoint is null ? Vault.Value : Id.Value,
    };

    /// <summary>A try before this one may have left something.</summary>
    public bool WasBegunBefore => Timeline.Count(step => step.What.StartsWith(Started, StringComparison.Ordinal)) > 1;

    public bool Settled => Status is JobStatus.Succeeded or JobStatus.Failed or JobStatus.Cancelled;

    public static BackupJob Backup(JobId id, BackupPlan plan, string resource, RecoveryPointId point, DateTimeOffset now) => new()
    {
        Id = id,
        Project = plan.Project,
        Kind = JobKind.Backup,
        Plan = plan.Id,
        Vault = plan.Vault,
        Resource = resource,
        RecoveryPoint = point,
        Status = JobStatus.Queued,
        CreatedAt = now,
        UpdatedAt = now,
        Timeline = [new JobStep(now, "queued")],
    };

    public static BackupJob Of(
        JobId id, JobKind kind, RecoveryPoint point, DateTimeOffset now, string? targetName = null, VaultId? targetVault = null,
        DateTimeOffset? to = null) => new()
        {
            Id = id,
            Project = point.Project,
            Kind = kind,
            Plan = point.Plan,
            Vault = point.Vault,
            Resource = point.Resource,
            RecoveryPoint = point.Id,
            TargetName = targetName,
            TargetVault = targetVault,
            RestoresTo = to,
            Status = JobStatus.Queued,
            CreatedAt = now,
            UpdatedAt = now,
            Timeline = [new JobStep(now, "queued")],
        };

    public static BackupJob OfVault(JobId id, BackupVault vault, DateTimeOffset now) => new()
    {
        Id = id,
        Project = vault.Project,
        Kind = JobKind.Verify,
        Vault = vault.Id,
        Resource = vault.Id.Value,
        Status = JobStatus.Queued,
        CreatedAt = now,
        UpdatedAt = now,
        Timeline = [new JobStep(now, "queued")],
    };

    public void Begin(DateTimeOffset now)
    {
        (Status, StatusReason, StartedAt, EndedAt, NotBefore) = (JobStatus.Running, null, now, null, null);
        Attempts++;
        Note(Attempts == 1 ? Started : $"{Started} again, attempt {Attempts}", now);
    }

    public void Note(string what, DateTimeOffset now)
    {
        Timeline = [.. Timeline.TakeLast(StepsMax - 1), new JobStep(now, what)];
        UpdatedAt = now;
    }

    public void Progresses(JobProgress progress, DateTimeOffset now) => (BytesTotal, BytesRead, BytesStored, ChangedBlocks, UpdatedAt) =
        (progress.BytesTotal, progress.BytesRead, progress.BytesStored, progress.ChangedBlocks, now);

    public void Succeeds(string? restored, DateTimeOffset now)
    {
        Restored = restored;
        End(JobStatus.Succeeded, null, now);
    }

    /// <summary>What the resource holds now is kept.</summary>
    public void Keeps(string safety) => Safety = safety;

    /// <summary>The restore was undone, and cannot be undone again.</summary>
    public void IsUndone(DateTimeOffset now)
    {
        Safety = null;
        Note("undone", now);
    }

    public void Fails(string reason, DateTimeOffset now) => End(JobStatus.Failed, reason, now);

    public void IsCancelled(DateTimeOffset now) => End(JobStatus.Cancelled, null, now);

    /// <summary>The process died under it.</summary>
    public void IsInterrupted(DateTimeOffset now)
    {
        Status = JobStatus.Queued;
        Note("interrupted", now);
    }

    /// <summary>A restore goes over what it reads: it is begun again after that, and no attempt is counted.</summary>
    public void MakesWay(DateTimeOffset now)
    {
        Status = JobStatus.Queued;
        Attempts--;
        Note("made way for a restore", now);
    }

    /// <summary>What it needs is away, and may be back by then.</summary>
    public void IsTriedAgain(string reason, TimeSpan after, DateTimeOffset now)
    {
        (Status, StatusReason, NotBefore) = (JobStatus.Queued, reason, now + after);
        Note($"failed, again in {after.TotalSeconds:0} s: {reason}", now);
    }

    public void IsTidied() => (TidyDue, NotBefore) = (false, null);

    /// <summary>What is to be removed cannot be now; each time it is waited for twice as long.</summary>
    public void IsTidiedLater(TimeSpan after, DateTimeOffset now) =>
        NotBefore = now + (now - EndedAt is { } waited && waited > after ? waited : after);

    /// <exception cref="CloudException">It has ended.</exception>
    public void Cancel(DateTimeOffset now)
    {
        if (Settled)
        {
            throw CloudException.Conflict("job-ended", $"The job has {ServiceDefaults.EnumWords.Of(Status)}.");
        }

        CancelRequested = true;
        if (Status == JobStatus.Queued)
        {
            IsCancelled(now);
        }
    }

    /// <exception cref="CloudException">It did not fail.</exception>
    public void Retry(DateTimeOffset now)
    {
        if (Status is not (JobStatus.Failed or JobStatus.Cancelled))
        {
            throw CloudException.Conflict("job-not-failed", "Only a job that failed or was cancelled is tried again.");
        }

        (Status, StatusReason, CancelRequested, Attempts, EndedAt, NotBefore) = (JobStatus.Queued, null, false, 0, null, null);
        TidyDue = false;
        Note("queued again", now);
    }

    public void TellsWebhook(DateTimeOffset? at) => WebhookDueAt = at;

    public void WebhookFailed(string why, DateTimeOffset? again, DateTimeOffset now)
    {
        (WebhookAttempts, WebhookDueAt) = (WebhookAttempts + 1, again);
        Note($"webhook not told: {why}", now);
    }

    private void End(JobStatus status, string? reason, DateTimeOffset now)
    {
        (Status, StatusReason, EndedAt) = (status, reason, now);
        (TidyDue, NotBefore) = (status != JobStatus.Succeeded && StartedAt is not null, null);
        Note(reason is null ? ServiceDefaults.EnumWords.Of(status) : $"{ServiceDefaults.EnumWords.Of(status)}: {reason}", now);
    }
}

/// <summary>How far a job is.</summary>
internal readonly record struct JobProgress(long BytesTotal, long BytesRead, long BytesStored, long ChangedBlocks);
