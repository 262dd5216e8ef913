using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Identity.Quotas;

/// <summary>The body of <c>PUT /v1/quotas/{name}</c>.</summary>
public sealed record SetQuotaRequest
{
    /// <summary>
    /// Inclusive; for sizes also <c>"256Gi"</c>. Below what is in use it refuses more, and takes nothing away. Null for the default.
    /// </summary>
    public required ByteSize? Limit { get; init; }
}

internal static class SetQuota
{
    public static async Task<IResult> HandleAsync(
        string name,
        SetQuotaRequest request,
        Caller caller,
        IfMatch ifMatch,
        HttpContext context,
        IdentityDbContext db,
        CancellationToken ct)
    {
        var kind = QuotaQueries.FindKind(name);
        var errors = new FieldErrors();
        QuotaQueries.CheckLimit(request.Limit, "limit", errors);
        errors.ThrowIfAny();
        var set = await db.FindSetAsync(kind, caller, ct);
        ifMatch.Require(set?.Version ?? 0);
        set = db.SetLimit(kind, set, request.Limit?.Bytes, caller);
        await db.SaveNewAsync("limit of quota", name, ct);
        return ResourceResults.Ok(context, await db.ShowAsync(kind, set, caller, ct), set.Version);
    }
}
