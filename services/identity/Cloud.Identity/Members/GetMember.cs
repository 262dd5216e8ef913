using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Members;

internal static class GetMember
{
    public static async Task<IResult> HandleAsync(
        string project, string user, Caller caller, HttpContext context, IdentityDbContext db, CancellationToken ct)
    {
        var of = await db.Projects.AsNoTracking().FindVisibleAsync(caller, project, ct);
        var (member, name) = await db.FindMemberAsync(of, user, ct);
        return ResourceResults.Ok(context, MemberView.From(member, name), member.Version);
    }
}
