using Cloud.Identity.Contracts;

namespace Cloud.Identity.Quotas;

/// <summary>A quota of a project as the API shows it.</summary>
/// <param name="Description">What is counted.</param>
/// <param name="Limit">Inclusive.</param>
/// <param name="Used">As the service that counts it has told: exact but for a moment.</param>
/// <param name="DefaultLimit">The limit where none is set for the project.</param>
public sealed record QuotaView(string Name, string Description, long Limit, long Used, long DefaultLimit)
{
    internal static QuotaView From(QuotaKind kind, ProjectQuota? set, QuotaUse? use) =>
        new(kind.Name, kind.Description, set?.Limit ?? kind.DefaultLimit, use?.Used ?? 0, kind.DefaultLimit);
}
