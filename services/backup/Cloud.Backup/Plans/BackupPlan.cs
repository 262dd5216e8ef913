using Cloud.Backup.Vaults;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Backup.Plans;

/// <summary>What is backed up when, where to, and how long it is kept.</summary>
internal sealed class BackupPlan : IVersioned
{
    private BackupPlan()
    {
    }

    public PlanId Id { get; private init; }

    public string Project { get; private init; } = "";

    public string Name { get; private set; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels => Labels.FromText(LabelText);

    public VaultId Vault { get; private set; }

    /// <summary>Each recovery point is copied there too; null for no copies.</summary>
    public VaultId? CopyTo { get; private set; }

    public string Schedule { get; private set; } = "";

    public string TimeZone { get; private set; } = "";

    public Retention Retention { get; private set; } = Retention.Default;

    /// <summary>Ids: <c>vol-…</c>, <c>i-…</c>.</summary>
    public IReadOnlyList<string> Resources { get; private set; } = [];

    /// <summary>All that carries these labels is backed up too, whenever it was made; none for nothing.</summary>
    public string ResourceLabelText { get; private set; } = "";

    public Labels ResourceLabels => Labels.FromText(ResourceLabelText);

    /// <summary>A run that has not begun so many minutes after it was due is left out; null where it is made up for.</summary>
    public int? StartWindowMinutes { get; private set; }

    /// <summary>Each recovery point is restored and tried after it was made.</summary>
    public bool Verify { get; private set; }

    /// <summary>What is run in an instance that was restored for a try; null for nothing.</summary>
    public IReadOnlyList<string>? VerifyCommand { get; private set; }

    /// <summary>Told of every job of the plan that ends.</summary>
    public string? WebhookUrl { get; private set; }

    /// <summary>Signs what the webhook is told; sealed.</summary>
    public string? SealedWebhookSecret { get; private set; }

    public PlanStatus Status { get; private set; }

    public DateTimeOffset? NextRunAt { get; private set; }

    public DateTimeOffset? LastRunAt { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public static BackupPlan Create(PlanId id, string project, string name, VaultId vault, DateTimeOffset now) => new()
    {
        Id = id,
        Project = project,
        Name = name,
        Vault = vault,
        Status = PlanStatus.Active,
        CreatedAt = now,
        UpdatedAt = now,
    };

    public void Rename(string name, DateTimeOffset now) => (Name, UpdatedAt) = (name, now);

    public void Relabel(Labels labels, DateTimeOffset now) => (LabelText, UpdatedAt) = (labels.Text, now);

    public void Covers(IReadOnlyList<string> resources, DateTimeOffset now) => (Resources, UpdatedAt) = (resources, now);

    public void Keeps(Retention retention, DateTimeOffset now) => (Retention, UpdatedAt) = (retention, now);

    public void Selects(Labels labels, DateTimeOffset now) => (ResourceLabelText, UpdatedAt) = (labels.Text, now);

    public void StartsWithin(int? minutes, DateTimeOffset now) => (StartWindowMinutes, UpdatedAt) = (minutes, now);

    public void Verifies(PlanVerify verify, DateTimeOffset now) =>
        (Verify, VerifyCommand, UpdatedAt) = (verify.Enabled, verify.Command, now);

    /// <summary>It is due, and too late to begin.</summary>
    public bool IsMissed(DateTimeOffset now) => StartWindowMinutes is { } minutes && NextRunAt + TimeSpan.FromMinutes(minutes) < now;

    /// <summary>What was due is left out.</summary>
    public void Misses(DateTimeOffset now) =>
        (NextRunAt, UpdatedAt) = (PlanSchedule.Parse(Schedule, TimeZone).Next(now), now);

    public void Copies(VaultId? to, DateTimeOffset now) => (CopyTo, UpdatedAt) = (to, now);

    public void Tells(string? url, string? sealedSecret, DateTimeOffset now) =>
        (WebhookUrl, SealedWebhookSecret, UpdatedAt) = (url, sealedSecret, now);

    /// <summary>Runs by another schedule from now on.</summary>
    /// <exception cref="CloudException">The schedule or the zone is not known.</exception>
    public void Runs(string schedule, string timeZone, DateTimeOffset now)
    {
        var next = PlanSchedule.Parse(schedule, timeZone).Next(now)
            ?? throw CloudException.Invalid("schedule", "The schedule never comes.");
        (Schedule, TimeZone, NextRunAt, UpdatedAt) = (schedule, timeZone, Status == PlanStatus.Active ? next : null, now);
    }

    public void Pause(bool paused, DateTimeOffset now)
    {
        Status = paused ? PlanStatus.Paused : PlanStatus.Active;
        Runs(Schedule, TimeZone, now);
    }

    /// <summary>What was due up to now is done by one run, however much was missed.</summary>
    public void HasRun(DateTimeOffset now)
    {
        LastRunAt = now;
        NextRunAt = Status == PlanStatus.Active ? PlanSchedule.Parse(Schedule, TimeZone).Next(now) : null;
    }

    public void IsDeleted(DateTimeOffset now) => (Status, NextRunAt, UpdatedAt) = (PlanStatus.Deleted, null, now);
}
