using Cloud.Backup.Persistence;
using Cloud.Backup.Vaults;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;

namespace Cloud.Backup.Plans;

/// <summary>The body of <c>POST /v1/backup-plans</c>.</summary>
public sealed record CreatePlanRequest
{
    public required string Name { get; init; }

    /// <summary>A vault's name or id; left out, the default vault, which is made on first use.</summary>
    public string? Vault { get; init; }

    /// <summary>A second vault that each recovery point is copied into.</summary>
    public string? CopyTo { get; init; }

    /// <summary>A cron expression of five fields.</summary>
    public required string Schedule { get; init; }

    /// <summary>A name of the tz database; UTC where it is left out.</summary>
    public string? TimeZone { get; init; }

    public Retention? Retention { get; init; }

    /// <summary>The ids of what is backed up.</summary>
    public IReadOnlyList<string>? Resources { get; init; }

    /// <summary>All that carries these labels is backed up too; what is made later joins by itself.</summary>
    public IReadOnlyDictionary<string, string>? ResourceLabels { get; init; }

    /// <summary>A run that cannot begin within so many minutes is left out; left out itself, the run is made up for.</summary>
    public int? StartWindowMinutes { get; init; }

    /// <summary>Each recovery point is restored to something that is thrown away, and tried; left out, it is.</summary>
    public PlanVerify? Verify { get; init; }

    public PlanWebhook? Webhook { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

internal static class CreatePlan
{
    public static async Task<IResult> HandleAsync(
        CreatePlanRequest request, Caller caller, HttpContext context, BackupDbContext db, NewVaults vaults, PlanRequests requests,
        TimeProvider time, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        PlanRequests.Check(request.ResourceLabels, request.StartWindowMinutes, request.Verify, errors);
        errors.Require(
            request.Resources is not null || request.ResourceLabels is { Count: > 0 }, "resources",
            "Expected resources, or resourceLabels.");
        errors.ThrowIfAny();
        var retention = PlanRequests.Retention(request.Retention);
        PlanSchedule.Parse(request.Schedule, request.TimeZone ?? "UTC");
        var resources = await requests.ResourcesAsync(caller.Project, request.Resources ?? [], [], ct);
        var vault = request.Vault is { } named
            ? await PlanRequests.VaultAsync(db, caller.Project, named, "vault", ct)
            : await vaults.DefaultAsync(caller.Project, ct);
        var copyTo = request.CopyTo is { } second
            ? await PlanRequests.VaultAsync(db, caller.Project, second, "copyTo", ct)
            : null;
        if (copyTo?.Id == vault.Id)
        {
            throw CloudException.Invalid("copyTo", "A copy in the same vault is none.");
        }

        var now = time.GetUtcNow();
        var plan = BackupPlan.Create(TypedId.New<PlanId>(time), caller.Project, request.Name, vault.Id, now);
        plan.Relabel(new Labels(request.Labels ?? new Dictionary<string, string>()), now);
        plan.Covers(resources, now);
        plan.Keeps(retention, now);
        plan.Selects(new Labels(request.ResourceLabels ?? new Dictionary<string, string>()), now);
        plan.StartsWithin(request.StartWindowMinutes, now);
        plan.Verifies(request.Verify ?? PlanVerify.Default, now);
        plan.Copies(copyTo?.Id, now);
        requests.Tell(plan, request.Webhook, now);
        plan.Runs(request.Schedule, request.TimeZone ?? "UTC", now);
        await using (var transaction = await db.Database.BeginTransactionAsync(ct))
        {
            await db.Quotas().ReserveAsync(caller.Project, "backupPlans", 1, ct);
            db.Plans.Add(plan);
            db.AddPlanEvent(plan, "active");
            await db.SaveNamedAsync("backup plan", plan.Name, ct);
            await transaction.CommitAsync(ct);
        }

        return ResourceResults.Created(context, $"/v1/backup-plans/{plan.Id}", PlanView.From(plan), plan.Version);
    }
}
