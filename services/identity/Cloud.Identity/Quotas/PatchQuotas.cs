using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Lists;

namespace Cloud.Identity.Quotas;

/// <summary>
/// <c>PATCH /v1/quotas</c>: a merge patch of names to limits, <c>{"instances": 5, "memoryBytes": "64Gi", "vcpus": null}</c>.
/// </summary>
internal static class PatchQuotas
{
    public static async Task<Page<QuotaView>> HandleAsync(
        MergePatch<Dictionary<string, ByteSize?>> patch,
        Caller caller,
        ListQuery list,
        HttpContext context,
        IdentityDbContext db,
        CancellationToken ct)
    {
        var errors = new FieldErrors();
        foreach (var (name, limit) in patch.Fields)
        {
            errors.Require(QuotaCatalog.Find(name) is not null, name, "There is no such quota.");
            QuotaQueries.CheckLimit(limit, name, errors);
        }

        errors.ThrowIfAny();
        foreach (var (name, limit) in patch.Fields)
        {
            var kind = QuotaQueries.FindKind(name);
            db.SetLimit(kind, await db.FindSetAsync(kind, caller, ct), limit?.Bytes, caller);
        }

        await db.SaveChangesAsync(ct);
        return await ListQuotas.HandleAsync(caller, list, context, db, ct);
    }
}
