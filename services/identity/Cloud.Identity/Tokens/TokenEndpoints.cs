using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Tokens;

internal static class TokenEndpoints
{
    public static void MapTokens(this IEndpointRouteBuilder routes)
    {
        var own = routes.MapGroup("/v1/tokens").WithTags("Tokens").RequireRole(Role.Viewer);
        own.MapGet("/", ListTokens.HandleAsync)
            .WithName("ListTokens").WithSummary("Lists API tokens: an owner's call the project's, another the caller's own");
        own.MapGet("/current", GetCurrentToken.HandleAsync)
            .WithName("GetCurrentToken").WithSummary("Shows the token of this call, and who it makes the caller");
        own.MapGet("/{id}", GetToken.HandleAsync).WithName("GetToken").WithSummary("Shows one API token, without its secret");
        own.MapDelete("/{id}", RevokeToken.HandleAsync)
            .WithName("RevokeToken").WithSummary("Revokes an API token: within a second nobody takes it any more");

        var manage = routes.MapGroup("/v1/tokens").WithTags("Tokens").RequireRole(Role.Owner);
        manage.MapPost("/", CreateToken.HandleAsync).WithName("CreateToken").WithSummary("Makes an API token; the answer carries it, once");
        manage.MapPatch("/{id}", PatchToken.HandleAsync).WithName("PatchToken").WithSummary("Renames or labels an API token");
    }
}
