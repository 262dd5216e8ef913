using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Projects;

internal static class ListProjects
{
    public static async Task<Page<ProjectView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, IdentityDbContext db, CancellationToken ct)
    {
        var rows = db.Projects.AsNoTracking().VisibleTo(caller).Matching(list);
        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<ProjectStatus>(statusText, "status");
            rows = rows.Where(project => project.Status == status);
        }

        if (list.After is { } after)
        {
            rows = rows.Where(project => string.Compare((string)(object)project.Id, after) > 0);
        }

        var found = await rows.OrderBy(project => project.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, project => project.Id.Value, ProjectView.From);
    }
}
