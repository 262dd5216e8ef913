using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Members;

/// <summary>A member with the user's name.</summary>
internal sealed record NamedMember(Member Member, string Name);

internal static class MemberQueries
{
    public static IQueryable<Member> Of(this IQueryable<Member> members, ProjectId project) =>
        members.Where(member => member.Project == project && !member.Removed);

    /// <summary>By the user's name or id.</summary>
    public static async Task<NamedMember?> FindMemberOrDefaultAsync(
        this IdentityDbContext db, Project project, string user, CancellationToken ct)
    {
        var found = await db.Users.AsNoTracking().Existing().FindOrDefaultAsync(user, ct);
        var member = found is null ? null : await db.Members.Of(project.Id).SingleOrDefaultAsync(member => member.User == found.Id, ct);
        return member is null ? null : new NamedMember(member, found!.Name);
    }

    /// <exception cref="CloudException">There is no such member.</exception>
    public static async Task<NamedMember> FindMemberAsync(this IdentityDbContext db, Project project, string user, CancellationToken ct) =>
        await db.FindMemberOrDefaultAsync(project, user, ct) ?? throw CloudException.NotFound("member", user);

    /// <summary>
    /// Refuses what would take the last owner from a project, unless an admin does it: nobody else could put it right again.
    /// </summary>
    /// <exception cref="CloudException">The member is the last owner.</exception>
    public static async Task RequireOtherOwnerAsync(this IdentityDbContext db, Member leaving, Caller caller, CancellationToken ct)
    {
        if (leaving.Role == Role.Owner && !caller.IsAdmin
            && !await db.Members.Of(leaving.Project).AnyAsync(member => member.Role == Role.Owner && member.User != leaving.User, ct))
        {
            throw CloudException.Conflict("last-owner", "The project would have no owner left. Make another member owner first.");
        }
    }

    public static void AddMemberEvent(this IdentityDbContext db, string what, Member member, string name) =>
        db.AddResourceEvent($"member.{what}", member.Project.Value, $"{member.Project}/{member.User}", MemberView.From(member, name));

    /// <exception cref="CloudException">Not a role within a project.</exception>
    public static Role RequireProjectRole(Role? role) => role is Role.Viewer or Role.Editor or Role.Owner
        ? role.Value
        : throw CloudException.Invalid("role", "Expected viewer, editor or owner. Whether a user is an admin is said at the user.");
}
