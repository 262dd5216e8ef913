using Cloud.Identity.Members;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Tokens;

/// <summary>Whose a new token or access key may be.</summary>
internal static class TokenHolders
{
    /// <summary>
    /// The caller, or another member of the project that is no admin: an owner gives members their first token, and so acts as them within
    /// the project; an admin's name nobody but an admin puts on a token.
    /// </summary>
    /// <param name="user">As the request names them; null for the caller.</param>
    /// <param name="role">What the token is to allow; the user must be allowed it.</param>
    /// <exception cref="CloudException">There is no such user, or they may not so much.</exception>
    public static async Task<UserId> FindHolderAsync(
        this IdentityDbContext db, string? user, Role role, Caller caller, CancellationToken ct)
    {
        var project = ProjectId.FromValue(caller.Project);
        var self = UserId.FromValue(caller.Subject);
        var holder = user is null
            ? await db.Users.AsNoTracking().Existing().SingleOrDefaultAsync(row => row.Id == self, ct)
            : await db.VisibleTo(caller).AsNoTracking().FindOrDefaultAsync(user, ct);
        if (holder is null)
        {
            throw CloudException.Invalid("user", $"There is no user '{user ?? caller.Subject}' in this project.");
        }

        if (holder.Id != self && holder.IsAdmin && !caller.IsAdmin)
        {
            throw new CloudException(
                ErrorKind.Forbidden, "forbidden", $"User '{holder.Name}' is an admin: only an admin makes tokens in their name.");
        }

        var member = await db.Members.AsNoTracking().Of(project).SingleOrDefaultAsync(row => row.User == holder.Id, ct);
        var most = holder.IsAdmin ? Role.Admin : member?.Role;
        return most switch
        {
            null => throw CloudException.Invalid("user", $"User '{holder.Name}' is no member of this project. Add them first."),
            { } may when may < role => throw CloudException.Invalid(
                "role", $"User '{holder.Name}' is {EnumWords.Of(may)} and gets no token that may more."),
            _ => holder.Id,
        };
    }
}
