using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Projects;

internal static class ProjectEndpoints
{
    public static void MapProjects(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/projects").WithTags("Projects").RequireRole(Role.Viewer);
        read.MapGet("/", ListProjects.HandleAsync)
            .WithName("ListProjects").WithSummary("Lists the projects: an admin's call all of them, another the token's");
        read.MapGet("/{id}", GetProject.HandleAsync).WithName("GetProject").WithSummary("Shows one project, by name or id");

        var change = routes.MapGroup("/v1/projects").WithTags("Projects").RequireRole(Role.Owner);
        change.MapPatch("/{id}", PatchProject.HandleAsync)
            .WithName("PatchProject").WithSummary("Describes or labels a project; an admin also renames it");

        var admin = routes.MapGroup("/v1/projects").WithTags("Projects").RequireRole(Role.Admin);
        admin.MapPost("/", CreateProject.HandleAsync).WithName("CreateProject").WithSummary("Makes a project");
        admin.MapDelete("/{id}", DeleteProject.HandleAsync)
            .WithName("DeleteProject")
            .WithSummary("Removes a project that holds no more resources, with its members, tokens and access keys");
    }
}
