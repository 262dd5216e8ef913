using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Members;

/// <summary>
/// Tokens and access keys of the member's stay listed, and open nothing: what they may is the least of theirs and of their user's.
/// </summary>
internal static class RemoveMember
{
    public static async Task<IResult> HandleAsync(
        string project,
        string user,
        Caller caller,
        IfMatch ifMatch,
        IdentityDbContext db,
        TokenExchange exchange,
        TimeProvider time,
        CancellationToken ct)
    {
        await using var transaction = await db.BeginGuardedAsync(ct);
        var of = await db.Projects.AsNoTracking().FindVisibleAsync(caller, project, ct);
        if (await db.FindMemberOrDefaultAsync(of, user, ct) is not { } found)
        {
            var had = await db.Users.AsNoTracking().FindOrDefaultAsync(user, ct) is { } known
                && await db.Members.AnyAsync(row => row.Project == of.Id && row.User == known.Id, ct);
            return had ? TypedResults.NoContent() : throw CloudException.NotFound("member", user);
        }

        var member = found.Member;
        ifMatch.Require(member.Version);
        await db.RequireOtherOwnerAsync(member, caller, ct);
        member.Remove(time.GetUtcNow());
        await db.Quotas().ReserveAsync(of.Id.Value, "members", -1, ct);
        db.AddMemberEvent("deleted", member, found.Name);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        exchange.Forget();
        return TypedResults.NoContent();
    }
}
