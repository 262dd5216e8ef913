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
        await RemoveMembershipsAsync(user, db, now, ct);
        await RevokeTokensAsync(user, db, now, ct);
        await RevokeAccessKeysAsync(user, db, now, ct);
        user.Delete(now);
        db.AddResourceEvent("user.deleted", "", user.Id.Value, UserView.From(user));
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        exchange.Forget();
        return TypedResults.NoContent();
    }

    private static async Task RemoveMembershipsAsync(User user, IdentityDbContext db, DateTimeOffset now, CancellationToken ct)
    {
        var members = db.Members.Where(member => member.User == user.Id && !member.Removed).OrderBy(member => member.Project);
        foreach (var member in await members.ToListAsync(ct))
        {
            member.Remove(now);
            await db.Quotas().ReserveAsync(member.Project.Value, "members", -1, ct);
        }
    }

    private static async Task RevokeTokensAsync(User user, IdentityDbContext db, DateTimeOffset now, CancellationToken ct)
    {
        var tokens = db.Tokens.Existing().Where(token => token.User == user.Id).OrderBy(token => token.Project);
        foreach (var token in await tokens.ToListAsync(ct))
        {
            db.Revoke(token, now);
            await db.Quotas().ReserveAsync(token.Project.Value, "tokens", token.IsCounted ? -1 : 0, ct);
        }
    }

    private static async Task RevokeAccessKeysAsync(User user, IdentityDbContext db, DateTimeOffset now, CancellationToken ct)
    {
        var keys = db.AccessKeys.Existing().Where(key => key.User == user.Id).OrderBy(key => key.Project);
        foreach (var key in await keys.ToListAsync(ct))
        {
            db.Revoke(key, now);
            await db.Quotas().ReserveAsync(key.Project.Value, "accessKeys", key.IsCounted ? -1 : 0, ct);
        }
    }
}
