using Cloud.Backup.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Plans;

/// <summary>The body of <c>PATCH /v1/backup-plans/{id}</c>: a merge patch.</summary>
public sealed record PatchPlanRequest
{
    public string? Name { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }

    public string? Schedule { get; init; }

    public string? TimeZone { get; init; }

    public Retention? Retention { get; init; }

    public IReadOnlyList<string>? Resources { get; init; }

    /// <summary>Replaced whole.</summary>
    public IReadOnlyDictionary<string, string>? ResourceLabels { get; init; }

    public int? StartWindowMinutes { get; init; }

    public PlanVerify? Verify { get; init; }

    /// <summary>True: it runs only when somebody asks for it.</summary>
    public bool? Paused { get; init; }

    public PlanWebhook? Webhook { get; init; }
}

internal static class PatchPlan
{
    public static async Task<IResult> HandleAsync(
        string id, MergePatch<PatchPlanRequest> patch, Caller caller, IfMatch ifMatch, HttpContext context, BackupDbContext db,
        PlanRequests requests, TimeProvider time, CancellationToken ct)
    {
        var fields = patch.Fields;
        var errors = new FieldErrors();
        PlanRequests.Check(fields.ResourceLabels, fields.StartWindowMinutes, fields.Verify, errors);
        errors.ThrowIfAny();
        IReadOnlyList<string>? resources = null;
        if (patch.Has(nameof(fields.Resources)))
        {
            // Other services are asked before the transaction, which holds database work only.
            var had = (await db.Plans.AsNoTracking().FindVisibleAsync(caller, id, ct)).Resources;
            resources = await requests.ResourcesAsync(caller.Project, fields.Resources ?? [], had, ct);
        }

        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var plan = await db.Plans.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(plan.Version);
        Apply(plan, patch, resources, requests, time.GetUtcNow());
        db.AddPlanEvent(plan, "changed");
        await db.SaveNamedAsync("backup plan", plan.Name, ct);
        await transaction.CommitAsync(ct);
        return ResourceResults.Ok(context, PlanView.From(plan), plan.Version);
    }

    private static void Apply(
        BackupPlan plan, MergePatch<PatchPlanRequest> patch, IReadOnlyList<string>? resources, PlanRequests requests, DateTimeOffset now)
    {
        var fields = patch.Fields;
        if (patch.Has(nameof(fields.Name)))
        {
            plan.Rename(ResourceName.Require(fields.Name, "name"), now);
        }

        if (patch.Has(nameof(fields.Labels)))
        {
            plan.Relabel(LabelPatch.Apply(plan.Labels, fields.Labels), now);
        }

        if (patch.Has(nameof(fields.Schedule)) || patch.Has(nameof(fields.TimeZone)))
        {
            plan.Runs(fields.Schedule ?? plan.Schedule, fields.TimeZone ?? plan.TimeZone, now);
        }

        if (patch.Has(nameof(fields.Retention)))
        {
            plan.Keeps(PlanRequests.Retention(fields.Retention), now);
        }

        if (resources is not null)
        {
            plan.Covers(resources, now);
        }

        if (patch.Has(nameof(fields.ResourceLabels)))
        {
            plan.Selects(new Labels(fields.ResourceLabels ?? new Dictionary<string, string>()), now);
        }

        if (patch.Has(nameof(fields.StartWindowMinutes)))
        {
            plan.StartsWithin(fields.StartWindowMinutes, now);
        }

        if (patch.Has(nameof(fields.Verify)))
        {
            plan.Verifies(fields.Verify ?? PlanVerify.Default, now);
        }

        if (patch.Has(nameof(fields.Webhook)))
        {
            requests.Tell(plan, fields.Webhook, now);
        }

        if (patch.Has(nameof(fields.Paused)))
        {
            plan.Pause(fields.Paused ?? false, now);
        }
    }
}
