using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Quotas;

internal static class ListQuotas
{
    public static async Task<Page<QuotaView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, IdentityDbContext db, CancellationToken ct)
    {
        var project = ProjectId.FromValue(caller.Project);
        var set = await db.Quotas.AsNoTracking().Where(quota => quota.Project == project).ToDictionaryAsync(quota => quota.Name, ct);
        var used = await db.QuotaUses.AsNoTracking().Where(use => use.Project == caller.Project).ToDictionaryAsync(use => use.Name, ct);
        var kinds = QuotaCatalog.All
            .Where(kind => list.Name is null || kind.Name == list.Name)
            .Where(kind => list.After is null || string.CompareOrdinal(kind.Name, list.After) > 0)
            .OrderBy(kind => kind.Name, StringComparer.Ordinal)
            .Take(list.Limit + 1)
            .ToList();
        return list.ToPage(
            context,
            kinds,
            kind => kind.Name,
            kind => QuotaView.From(kind, set.GetValueOrDefault(kind.Name), used.GetValueOrDefault(kind.Name)));
    }
}
