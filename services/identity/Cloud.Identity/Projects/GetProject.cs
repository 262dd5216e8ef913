using Cloud.Identity.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Projects;

internal static class GetProject
{
    public static async Task<IResult> HandleAsync(string id, Caller caller, HttpContext context, IdentityDbContext db, CancellationToken ct)
    {
        var project = await db.Projects.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return ResourceResults.Ok(context, ProjectView.From(project), project.Version);
    }
}
