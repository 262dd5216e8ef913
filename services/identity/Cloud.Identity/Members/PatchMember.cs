using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Tokens;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Members;

/// <summary>The body of <c>PATCH /v1/projects/{project}/members/{user}</c>: a merge patch.</summary>
public sealed record PatchMemberRequest
{
    /// <summary><c>viewer</c>, <c>editor</c> or <c>owner</c>.</summary>
    public Role? Role { get; init; }
}

internal static class PatchMember
{
    public static async Task<IResult> HandleAsync(
        string project,
        string user,
        MergePatch<PatchMemberRequest> patch,
        Caller caller,
        IfMatch ifMatch,
        HttpContext context,
        IdentityDbContext db,
        TokenExchange exchange,
        TimeProvider time,
        CancellationToken ct)
    {
        await using var transaction = await db.BeginGuardedAsync(ct);
        var of = await db.Projects.AsNoTracking().FindVisibleAsync(caller, project, ct);
        var (member, name) = await db.FindMemberAsync(of, user, ct);
        ifMatch.Require(member.Version);
        if (patch.Has(nameof(patch.Fields.Role)))
        {
            var role = MemberQueries.RequireProjectRole(patch.Fields.Role);
            if (role < member.Role)
            {
                await db.RequireOtherOwnerAsync(member, caller, ct);
            }

            member.Becomes(role, time.GetUtcNow());
        }

        db.AddMemberEvent("changed", member, name);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        exchange.Forget();
        return ResourceResults.Ok(context, MemberView.From(member, name), member.Version);
    }
}
