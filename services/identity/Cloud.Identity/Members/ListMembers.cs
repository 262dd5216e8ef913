using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Members;

/// <summary>Name and labels asked for are the users'.</summary>
internal static class ListMembers
{
    public static async Task<Page<MemberView>> HandleAsync(
        string project, Caller caller, ListQuery list, HttpContext context, IdentityDbContext db, CancellationToken ct)
    {
        var of = await db.Projects.AsNoTracking().FindVisibleAsync(caller, project, ct);
        var users = db.Users.AsNoTracking().Matching(list);
        if (list.After is { } after)
        {
            users = users.Where(user => string.Compare((string)(object)user.Id, after) > 0);
        }

        var rows = db.Members.AsNoTracking().Of(of.Id)
            .Join(users, member => member.User, user => user.Id, (member, user) => new { member, user });
        var found = await rows.OrderBy(row => row.user.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, row => row.member.User.Value, row => MemberView.From(row.member, row.user.Name));
    }
}
