using Cloud.Identity.AccessKeys;
using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Tokens;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Projects;

internal static class DeleteProject
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, IdentityDbContext db, TokenExchange exchange, TimeProvider time, CancellationToken ct)
    {
        await using var transaction = await db.BeginGuardedAsync(ct);
        if (await db.Projects.VisibleTo(caller).FindOrDefaultAsync(id, ct) is not { } project)
        {
            var had = ProjectId.TryParse(id, out var projectId)
                ? await db.Projects.AnyAsync(row => row.Id == projectId, ct)
                : await db.Projects.AnyAsync(row => row.Name == id, ct);
            return had ? TypedResults.NoContent() : throw CloudException.NotFound("project", id);
        }

        ifMatch.Require(project.Version);
        await RequireNotOwnAsync(project, caller, db, ct);
        await RequireUnusedAsync(project, db, ct);
        var now = time.GetUtcNow();
        foreach (var token in await db.Tokens.Where(token => token.Project == project.Id && token.RevokedAt == null).ToListAsync(ct))
        {
            db.Revoke(token, now);
        }

        foreach (var key in await db.AccessKeys.Where(key => key.Project == project.Id && key.RevokedAt == null).ToListAsync(ct))
        {
            db.Revoke(key, now);
        }

        foreach (var member in await db.Members.Where(member => member.Project == project.Id && !member.Removed).ToListAsync(ct))
        {
            member.Remove(now);
        }

        project.Delete(now);
        db.AddResourceEvent("project.deleted", project.Id.Value, project.Id.Value, ProjectView.From(project));
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        exchange.Forget();
        return TypedResults.NoContent();
    }

    /// <summary>Who removes the project of the token in use would lock themselves out.</summary>
    private static async Task RequireNotOwnAsync(Project project, Caller caller, IdentityDbContext db, CancellationToken ct)
    {
        var token = TokenId.FromValue(caller.Token);
        if (await db.Tokens.AnyAsync(row => row.Id == token && row.Project == project.Id, ct))
        {
            throw CloudException.Conflict(
                "project-in-use",
                $"The token of this call belongs to project '{project.Name}'. Delete it with a token of another project.");
        }
    }

    private static async Task RequireUnusedAsync(Project project, IdentityDbContext db, CancellationToken ct)
    {
        var used = await db.QuotaUses.AsNoTracking()
            .Where(use => use.Project == project.Id.Value && use.Used > 0)
            .OrderBy(use => use.Name)
            .ToListAsync(ct);
        var holding = used
            .Where(use => QuotaCatalog.Find(use.Name) is not { GoesWithProject: true })
            .ToDictionary(use => use.Name, use => use.Used);
        if (holding.Count > 0)
        {
            var what = string.Join(", ", holding.Select(use => $"{use.Key}: {use.Value}"));
            throw new CloudException(
                ErrorKind.Conflict,
                "project-in-use",
                $"Project '{project.Name}' still has {what}. Delete these first.")
            {
                Details = new Dictionary<string, object> { ["usedBy"] = holding },
            };
        }
    }
}
