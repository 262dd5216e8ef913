using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Users;

internal static class UserEndpoints
{
    public static void MapUsers(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/users").WithTags("Users").RequireRole(Role.Viewer);
        read.MapGet("/", ListUsers.HandleAsync)
            .WithName("ListUsers").WithSummary("Lists users: an admin's call all of them, another those of its project");
        read.MapGet("/{id}", GetUser.HandleAsync).WithName("GetUser").WithSummary("Shows one user, by name or id");

        var admin = routes.MapGroup("/v1/users").WithTags("Users").RequireRole(Role.Admin);
        admin.MapPost("/", CreateUser.HandleAsync).WithName("CreateUser").WithSummary("Makes a user, who then needs a project and a token");
        admin.MapPatch("/{id}", PatchUser.HandleAsync)
            .WithName("PatchUser").WithSummary("Renames, labels, disables or enables a user, or makes them admin");
        admin.MapDelete("/{id}", DeleteUser.HandleAsync)
            .WithName("DeleteUser").WithSummary("Removes a user with their memberships, tokens and access keys");
    }
}
