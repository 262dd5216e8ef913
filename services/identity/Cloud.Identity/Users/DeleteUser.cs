using Cloud.Identity.AccessKeys;
using Cloud.Identity.Persistence;
using Cloud.Identity.Tokens;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Users;

internal static class DeleteUser
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, IdentityDbContext db, TokenExchange exchange, TimeProvider time, CancellationToken ct)
    {
        await using var transaction = await db.BeginGuardedAsync(ct);
        if (await db.VisibleTo(caller).FindOrDefaultAsync(id, ct) is not { } user)
        {
            return await db.Users.FindOrDefaultAsync(id, ct) is null ? throw CloudException.NotFound("user", id) : TypedResults.NoContent();
        }

        ifMatch.Require(user.Version);
        await db.Users.RequireOtherAdminAsync(user, ct);
        var now = time.GetUtcNow();
        foreach (var member in await db.Members.Where(member => member.User == user.Id && !member.Removed).OrderBy(member => member.Project).ToListAsync(ct))
        {
            member.Remove(now);
            await db.Quotas().ReserveAsync(member.Project.Value, "members", -1, ct);
        }

        foreach (var token in await db.Tokens.Where(token => token.User == user.Id && token.RevokedAt == null).OrderBy(token => token.Project).ToListAsync(ct))
        {
            db.Revoke(token, now);
            await db.Quotas().ReserveAsync(token.Project.Value, "tokens", token.IsCounted ? -1 : 0, ct);
        }

        foreach (var key in await db.AccessKeys.Where(key => key.User == user.Id && key.RevokedAt == null).OrderBy(key => key.Project).ToListAsync(ct))
        {
            db.Revoke(key, now);
            await db.Quotas().ReserveAsync(key.Project.Value, "accessKeys", key.IsCounted ? -1 : 0, ct);
        }

        user.Delete(now);
        db.AddResourceEvent("user.deleted", "", user.Id.Value, UserView.From(user));
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        exchange.Forget();
        return TypedResults.NoContent();
    }
}
