using Cloud.Identity.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Tokens;

internal static class GetToken
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, HttpContext context, IdentityDbContext db, TimeProvider time, CancellationToken ct)
    {
        var token = await db.Tokens.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return ResourceResults.Ok(context, TokenView.From(token, time.GetUtcNow()), token.Version);
    }
}
