using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Tokens;

/// <summary>Who a call is made by, and what it may.</summary>
/// <param name="Token">Null for a token that is no more.</param>
/// <param name="Project">The project that the call is about.</param>
/// <param name="Role">The least of the token's and of the user's.</param>
public sealed record CurrentTokenView(TokenView? Token, UserView? User, ProjectView? Project, Role Role);

internal static class GetCurrentToken
{
    public static async Task<CurrentTokenView> HandleAsync(Caller caller, IdentityDbContext db, TimeProvider time, CancellationToken ct)
    {
        var tokenId = TokenId.FromValue(caller.Token);
        var userId = UserId.FromValue(caller.Subject);
        var projectId = ProjectId.FromValue(caller.Project);
        var token = await db.Tokens.AsNoTracking().SingleOrDefaultAsync(row => row.Id == tokenId, ct);
        var user = await db.Users.AsNoTracking().SingleOrDefaultAsync(row => row.Id == userId, ct);
        var project = await db.Projects.AsNoTracking().SingleOrDefaultAsync(row => row.Id == projectId, ct);
        return new CurrentTokenView(
            token is null ? null : TokenView.From(token, time.GetUtcNow()),
            user is null ? null : UserView.From(user),
            project is null ? null : ProjectView.From(project),
            caller.Role);
    }
}
