using Cloud.Backup.Vaults;
using Cloud.Primitives;

namespace Cloud.Backup.Plans;

/// <summary>A plan as the API shows it.</summary>
/// <param name="CopyTo">The vault that each recovery point is copied into.</param>
/// <param name="Webhook">Where the end of each job is told; the secret is not shown.</param>
public sealed record PlanView(
    PlanId Id, string Name, Labels Labels, VaultId Vault, VaultId? CopyTo, string Schedule, string TimeZone, Retention Retention,
    IReadOnlyList<string> Resources, bool Verify, string? Webhook, PlanStatus Status, string? StatusReason,
    DateTimeOffset? NextRunAt, DateTimeOffset? LastRunAt, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static PlanView From(BackupPlan plan) => new(
        plan.Id, plan.Name, plan.Labels, plan.Vault, plan.CopyTo, plan.Schedule, plan.TimeZone, plan.Retention, plan.Resources,
        plan.Verify, plan.WebhookUrl, plan.Status, null, plan.NextRunAt,
        plan.LastRunAt, plan.CreatedAt, plan.UpdatedAt);
}
