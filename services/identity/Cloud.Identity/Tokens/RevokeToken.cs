using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Tokens;

internal static class RevokeToken
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, IdentityDbContext db, TokenExchange exchange, TimeProvider time, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var token = TokenId.TryParse(id, out var tokenId)
            ? await db.Tokens.EverVisibleTo(caller).SingleOrDefaultAsync(row => row.Id == tokenId, ct)
            : null;
        if (token is null)
        {
            throw CloudException.NotFound("token", id);
        }

        if (token.RevokedAt is not null)
        {
            return TypedResults.NoContent();
        }

        ifMatch.Require(token.Version);
        db.Revoke(token, time.GetUtcNow());
        await db.Quotas().ReserveAsync(token.Project.Value, "tokens", token.IsCounted ? -1 : 0, ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        exchange.Forget();
        return TypedResults.NoContent();
    }
}
