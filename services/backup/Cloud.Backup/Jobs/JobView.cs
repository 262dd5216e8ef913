using Cloud.Backup.Plans;
using Cloud.Backup.RecoveryPoints;
using Cloud.Backup.Vaults;

namespace Cloud.Backup.Jobs;

/// <summary>A job as the API shows it.</summary>
/// <param name="BytesTotal">What is to be read: of a second backup only what has changed.</param>
/// <param name="BytesStored">What the vault grew by.</param>
/// <param name="ChangedBlocks">Chunks of 64 KiB that were new to the vault.</param>
/// <param name="BytesPerSecond">Since the job started.</param>
/// <param name="SecondsLeft">At that rate; null where it cannot be told.</param>
/// <param name="RecoveryPoint">The point that it makes or works on.</param>
/// <param name="Restored">The resource that a restore made or brought back.</param>
public sealed record JobView(
    JobId Id, JobKind Kind, PlanId? Plan, VaultId Vault, string Resource, JobStatus Status, string? StatusReason, long BytesTotal,
    long BytesRead, long BytesStored, long ChangedBlocks, long? BytesPerSecond, long? SecondsLeft, RecoveryPointId? RecoveryPoint,
    string? Restored, int Attempts, IReadOnlyList<JobStep> Timeline, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt,
    DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static JobView From(BackupJob job, DateTimeOffset now)
    {
        var seconds = ((job.EndedAt ?? now) - job.StartedAt)?.TotalSeconds;
        long? rate = seconds > 0 ? (long)(job.BytesRead / seconds) : null;
        return new JobView(
            job.Id, job.Kind, job.Plan, job.Vault, job.Resource, job.Status, job.StatusReason, job.BytesTotal, job.BytesRead,
            job.BytesStored, job.ChangedBlocks, rate,
            job.Status == JobStatus.Running && rate > 0 ? Math.Max(0, job.BytesTotal - job.BytesRead) / rate : null, job.RecoveryPoint,
            job.Restored, job.Attempts, job.Timeline, job.StartedAt, job.EndedAt, job.CreatedAt, job.UpdatedAt);
    }
}
