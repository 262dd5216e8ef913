using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Members;

internal static class MemberEndpoints
{
    public static void MapMembers(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/projects/{project}/members").WithTags("Members").RequireRole(Role.Viewer);
        read.MapGet("/", ListMembers.HandleAsync).WithName("ListMembers").WithSummary("Lists who may do what in a project");
        read.MapGet("/{user}", GetMember.HandleAsync).WithName("GetMember").WithSummary("Shows one member, by the user's name or id");

        var change = routes.MapGroup("/v1/projects/{project}/members").WithTags("Members").RequireRole(Role.Owner);
        change.MapPost("/", AddMember.HandleAsync).WithName("AddMember").WithSummary("Makes a user a member of a project");
        change.MapPatch("/{user}", PatchMember.HandleAsync).WithName("PatchMember").WithSummary("Gives a member another role");
        change.MapDelete("/{user}", RemoveMember.HandleAsync)
            .WithName("RemoveMember").WithSummary("Takes a member from a project; their tokens of it end");
    }
}
