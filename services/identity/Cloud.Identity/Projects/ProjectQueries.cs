using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Projects;

/// <summary>Look-ups of projects: an admin sees all, everybody else the token's own.</summary>
internal static class ProjectQueries
{
    public static IQueryable<Project> Existing(this IQueryable<Project> projects) =>
        projects.Where(project => project.Status != ProjectStatus.Deleted);

    public static IQueryable<Project> VisibleTo(this IQueryable<Project> projects, Caller caller)
    {
        var existing = projects.Existing();
        var own = ProjectId.FromValue(caller.Project);
        return caller.IsAdmin ? existing : existing.Where(project => project.Id == own);
    }

    /// <summary>By name or id.</summary>
    public static Task<Project?> FindOrDefaultAsync(this IQueryable<Project> projects, string nameOrId, CancellationToken ct) =>
        ProjectId.TryParse(nameOrId, out var id)
            ? projects.SingleOrDefaultAsync(project => project.Id == id, ct)
            : projects.SingleOrDefaultAsync(project => project.Name == nameOrId, ct);

    /// <exception cref="CloudException">The caller sees no such project.</exception>
    public static async Task<Project> FindVisibleAsync(
        this IQueryable<Project> projects, Caller caller, string nameOrId, CancellationToken ct) =>
        await projects.VisibleTo(caller).FindOrDefaultAsync(nameOrId, ct) ?? throw CloudException.NotFound("project", nameOrId);
}
