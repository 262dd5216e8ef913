using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Quotas;

internal static class QuotaQueries
{
    /// <summary>Far above any need, far below an overflow.</summary>
    private const long LimitMax = 1L << 60;

    /// <exception cref="CloudException">There is no such quota.</exception>
    public static QuotaKind FindKind(string name) => QuotaCatalog.Find(name) ?? throw CloudException.NotFound("quota", name);

    public static async Task<QuotaView> ShowAsync(
        this IdentityDbContext db, QuotaKind kind, ProjectQuota? set, Caller caller, CancellationToken ct) =>
        QuotaView.From(
            kind,
            set,
            await db.QuotaUses.AsNoTracking().SingleOrDefaultAsync(use => use.Project == caller.Project && use.Name == kind.Name, ct));

    public static Task<ProjectQuota?> FindSetAsync(this IdentityDbContext db, QuotaKind kind, Caller caller, CancellationToken ct)
    {
        var project = ProjectId.FromValue(caller.Project);
        return db.Quotas.SingleOrDefaultAsync(quota => quota.Project == project && quota.Name == kind.Name, ct);
    }

    /// <summary>Sets a limit with the context's next save, and tells the services.</summary>
    /// <param name="set">As it is now; null where none is set.</param>
    public static ProjectQuota SetLimit(this IdentityDbContext db, QuotaKind kind, ProjectQuota? set, long? limit, Caller caller)
    {
        if (set is null)
        {
            set = ProjectQuota.Create(ProjectId.FromValue(caller.Project), kind.Name);
            db.Quotas.Add(set);
        }

        set.Set(limit);
        db.Outbox().Add(new QuotaChanged(caller.Project, kind.Name, limit, set.Generation), $"quota:{caller.Project}:{kind.Name}");
        db.AddResourceEvent(
            "quota.changed", caller.Project, $"{caller.Project}/{kind.Name}", new QuotaLimitSet(kind.Name, limit ?? kind.DefaultLimit));
        return set;
    }

    public static void CheckLimit(ByteSize? limit, string field, FieldErrors errors) =>
        errors.Require(limit is not { Bytes: < 0 or > LimitMax }, field, "Expected a number from 0 to 2^60.");
}

/// <summary>What the event of a changed limit says.</summary>
internal sealed record QuotaLimitSet(string Name, long Limit);
