using Cloud.Backup.Vaults;
using Cloud.Primitives;

namespace Cloud.Backup.Plans;

/// <summary>A plan as the API shows it.</summary>
/// <param name="CopyTo">The vault that each recovery point is copied into.</param>
/// <param name="Resources">The ids of what is backed up.</param>
/// <param name="ResourceLabels">All that carries these labels is backed up too.</param>
/// <param name="StartWindowMinutes">A run that begins later is left out.</param>
/// <param name="Verify">Whether and how each recovery point is tried.</param>
/// <param name="Webhook">Where the end of each job is told; the secret is not shown.</param>
public sealed record PlanView(
    PlanId Id, string Name, Labels Labels, VaultId Vault, VaultId? CopyTo, string Schedule, string TimeZone, Retention Retention,
    IReadOnlyList<string> Resources, Labels ResourceLabels, int? StartWindowMinutes, PlanVerify Verify, string? Webhook,
    PlanStatus Status, string? StatusReason, DateTimeOffset? NextRunAt, DateTimeOffset? LastRunAt,
    DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static PlanView From(BackupPlan plan) => new(
        plan.Id, plan.Name, plan.Labels, plan.Vault, plan.CopyTo, plan.Schedule, plan.TimeZone, plan.Retention, plan.Resources,
        plan.ResourceLabels, plan.StartWindowMinutes, new PlanVerify(plan.Verify, plan.VerifyCommand),
        plan.WebhookUrl, plan.Status, null, plan.NextRunAt, plan.LastRunAt, plan.CreatedAt, plan.UpdatedAt);
}
