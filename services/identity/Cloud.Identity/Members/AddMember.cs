using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Members;

/// <summary>The body of <c>POST /v1/projects/{project}/members</c>.</summary>
public sealed record AddMemberRequest
{
    /// <summary>The name or id of a user.</summary>
    public required string User { get; init; }

    /// <summary><c>viewer</c>, <c>editor</c> or <c>owner</c>.</summary>
    public required Role Role { get; init; }
}

internal static class AddMember
{
    public static async Task<IResult> HandleAsync(
        string project,
        AddMemberRequest request,
        Caller caller,
        HttpContext context,
        IdentityDbContext db,
        TimeProvider time,
        CancellationToken ct)
    {
        var role = MemberQueries.RequireProjectRole(request.Role);
        await using var transaction = await db.BeginGuardedAsync(ct);
        var to = await db.Projects.AsNoTracking().FindVisibleAsync(caller, project, ct);
        var user = await db.Users.AsNoTracking().FindNamedAsync(request.User, "user", ct);
        var now = time.GetUtcNow();
        var member = await db.Members.SingleOrDefaultAsync(row => row.Project == to.Id && row.User == user.Id, ct);
        switch (member)
        {
            case null:
                member = Member.Create(to.Id, user.Id, role, now);
                db.Members.Add(member);
                break;
            case { Removed: true }:
                member.Rejoin(role, now);
                break;
            default:
                throw CloudException.Conflict("already-member", $"User '{user.Name}' is a member already. Change the role with PATCH.");
        }

        await db.Quotas().ReserveAsync(to.Id.Value, "members", 1, ct);
        db.AddMemberEvent("created", member, user.Name);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return ResourceResults.Created(
            context, $"/v1/projects/{to.Id}/members/{user.Id}", MemberView.From(member, user.Name), member.Version);
    }
}
