using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Users;

/// <summary>Look-ups of users: an admin sees all, everybody else themselves and the members of their project.</summary>
internal static class UserQueries
{
    public static IQueryable<User> Existing(this IQueryable<User> users) => users.Where(user => user.Status != UserStatus.Deleted);

    public static IQueryable<User> ActiveAdmins(this IQueryable<User> users) =>
        users.Where(user => user.IsAdmin && user.Status == UserStatus.Active);

    public static IQueryable<User> VisibleTo(this IdentityDbContext db, Caller caller)
    {
        var project = ProjectId.FromValue(caller.Project);
        var self = UserId.FromValue(caller.Subject);
        var existing = db.Users.Existing();
        return caller.IsAdmin
            ? existing
            : existing.Where(user => user.Id == self
                || db.Members.Any(member => member.User == user.Id && member.Project == project && !member.Removed));
    }

    /// <summary>By name or id; of several that had the name, the one that has it.</summary>
    public static Task<User?> FindOrDefaultAsync(this IQueryable<User> users, string nameOrId, CancellationToken ct) =>
        UserId.TryParse(nameOrId, out var id)
            ? users.SingleOrDefaultAsync(user => user.Id == id, ct)
            : users.Where(user => user.Name == nameOrId)
                .OrderBy(user => user.Status)
                .ThenByDescending(user => user.Id)
                .FirstOrDefaultAsync(ct);

    /// <exception cref="CloudException">The caller sees no such user.</exception>
    public static async Task<User> FindVisibleAsync(this IdentityDbContext db, Caller caller, string nameOrId, CancellationToken ct) =>
        await db.VisibleTo(caller).FindOrDefaultAsync(nameOrId, ct) ?? throw CloudException.NotFound("user", nameOrId);

    /// <summary>For a request that names one.</summary>
    /// <exception cref="CloudException">There is no such user; the field is named.</exception>
    public static async Task<User> FindNamedAsync(this IQueryable<User> users, string nameOrId, string field, CancellationToken ct) =>
        await users.Existing().FindOrDefaultAsync(nameOrId, ct) ?? throw CloudException.Invalid(field, $"There is no user '{nameOrId}'.");

    /// <summary>Refuses what would take the last admin from the cloud.</summary>
    /// <exception cref="CloudException">The user is the last one.</exception>
    public static async Task RequireOtherAdminAsync(this IQueryable<User> users, User leaving, CancellationToken ct)
    {
        if (leaving is { IsAdmin: true, Status: UserStatus.Active }
            && !await users.ActiveAdmins().AnyAsync(user => user.Id != leaving.Id, ct))
        {
            throw CloudException.Conflict("last-admin", "The cloud would have no admin left. Make another user admin first.");
        }
    }
}
