using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Tokens;

/// <summary>Look-ups of tokens: an owner sees all of the project's but admins', everybody else their own.</summary>
internal static class TokenQueries
{
    public static IQueryable<ApiToken> Existing(this IQueryable<ApiToken> tokens) => tokens.Where(token => token.RevokedAt == null);

    /// <summary>Revoked ones included.</summary>
    public static IQueryable<ApiToken> EverVisibleTo(this IQueryable<ApiToken> tokens, Caller caller)
    {
        var project = ProjectId.FromValue(caller.Project);
        var self = UserId.FromValue(caller.Subject);
        var owns = caller.Role >= Role.Owner;
        var seen = caller.Role;
        return tokens.Where(token => token.Project == project && (token.User == self || (owns && token.Role <= seen)));
    }

    /// <exception cref="CloudException">The caller sees no such token.</exception>
    public static async Task<ApiToken> FindVisibleAsync(this IQueryable<ApiToken> tokens, Caller caller, string id, CancellationToken ct) =>
        TokenId.TryParse(id, out var tokenId)
        && await tokens.Existing().EverVisibleTo(caller).SingleOrDefaultAsync(token => token.Id == tokenId, ct) is { } found
            ? found
            : throw CloudException.NotFound("token", id);

    /// <summary>Ends a token with the context's next save, everywhere.</summary>
    public static void Revoke(this IdentityDbContext db, ApiToken token, DateTimeOffset now)
    {
        token.Revoke(now);
        db.Outbox().Add(new TokenRevoked(token.Id.Value, now), token.Id.Value);
        db.AddResourceEvent("token.deleted", token.Project.Value, token.Id.Value, TokenView.From(token, now));
    }
}
