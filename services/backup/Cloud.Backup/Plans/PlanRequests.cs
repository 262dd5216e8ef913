using Cloud.Backup.Persistence;
using Cloud.Backup.Sources;
using Cloud.Backup.Vaults;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Outbound;

namespace Cloud.Backup.Plans;

/// <summary>Where the end of each job is told.</summary>
public sealed record PlanWebhook
{
    /// <summary>Called with a POST; never one of the cloud's own addresses.</summary>
    public required string Url { get; init; }

    /// <summary>Signs what is told: <c>Cloud-Signature</c>.</summary>
    public string? Secret { get; init; }
}

/// <summary>Looks at what requests about plans say, before anything is changed.</summary>
internal sealed class PlanRequests(BackupSources sources, SecretSeal seal)
{
    private const int ResourcesMax = 1000;
    private const int SecretLengthMax = 200;
    private const int StartWindowMinutesMax = 7 * 24 * 60;

    /// <summary>The form of what is asked.</summary>
    public static void Check(
        IReadOnlyDictionary<string, string>? resourceLabels, int? startWindowMinutes, PlanVerify? verify, FieldErrors errors)
    {
        ResourceName.CheckLabels(resourceLabels, errors, "resourceLabels");
        errors.Require(
            startWindowMinutes is null or >= 1 and <= StartWindowMinutesMax, "startWindowMinutes",
            $"Expected 1 to {StartWindowMinutesMax}.");
        verify?.Check(errors);
    }

    /// <exception cref="CloudException">A resource is not the project's, or of no kind that is backed up.</exception>
    public async Task<IReadOnlyList<string>> ResourcesAsync(
        string project, IReadOnlyList<string> asked, IReadOnlyList<string> had, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(asked.Count <= ResourcesMax, "resources", $"At most {ResourcesMax} resources.");
        foreach (var (resource, at) in asked.Take(ResourcesMax).Select((resource, at) => (resource, at)))
        {
            if (had.Contains(resource))
            {
                continue;
            }

            var source = resource is null ? null : sources.FindOf(resource);
            errors.Require(source is not null, $"resources[{at}]", "Expected the id of what can be backed up.");
            if (source is not null && await source.FindNameAsync(project, resource!, ct) is null)
            {
                errors.Add($"resources[{at}]", $"There is no {source.Kind} '{resource}'.");
            }
        }

        errors.ThrowIfAny();
        return [.. asked.Distinct(StringComparer.Ordinal)];
    }

    public static Retention Retention(Retention? retention)
    {
        var errors = new FieldErrors();
        (retention ?? Plans.Retention.Default).Check(errors);
        errors.ThrowIfAny();
        return retention ?? Plans.Retention.Default;
    }

    /// <exception cref="CloudException">The project has no such vault, or it goes.</exception>
    public static async Task<BackupVault> VaultAsync(
        BackupDbContext db, string project, string nameOrId, string field, CancellationToken ct)
    {
        var vault = await db.Vaults.FindOrDefaultAsync(project, nameOrId, ct)
            ?? throw CloudException.Invalid(field, $"There is no vault '{nameOrId}'.");
        vault.RequireActive();
        return vault;
    }

    public void Tell(BackupPlan plan, PlanWebhook? webhook, DateTimeOffset now)
    {
        var errors = new FieldErrors();
        errors.Require(webhook is null || OutboundUrl.TryParse(webhook.Url, out _), "webhook.url", OutboundUrl.Form);
        errors.Require(
            webhook?.Secret is null or { Length: >= 8 and <= SecretLengthMax }, "webhook.secret",
            $"Expected 8 to {SecretLengthMax} characters.");
        errors.ThrowIfAny();
        plan.Tells(webhook?.Url, webhook?.Secret is { } secret ? seal.Seal(secret, plan.Id.Value) : null, now);
    }
}
