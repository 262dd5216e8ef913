using Cloud.Identity.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Identity.Quotas;

internal static class GetQuota
{
    public static async Task<IResult> HandleAsync(
        string name, Caller caller, HttpContext context, IdentityDbContext db, CancellationToken ct)
    {
        var kind = QuotaQueries.FindKind(name);
        var set = await db.FindSetAsync(kind, caller, ct);

        // The ETag is of the limit: what is in use changes by itself, and nobody changes it here.
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.ETag = IfMatch.TagOf(set?.Version ?? 0);
        return TypedResults.Ok(await db.ShowAsync(kind, set, caller, ct));
    }
}
