using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.AccessKeys;

internal static class AccessKeyEndpoints
{
    public static void MapAccessKeys(this IEndpointRouteBuilder routes)
    {
        var own = routes.MapGroup("/v1/access-keys").WithTags("Access keys").RequireRole(Role.Viewer);
        own.MapGet("/", ListAccessKeys.HandleAsync)
            .WithName("ListAccessKeys").WithSummary("Lists S3 access keys: an owner's call the project's, another the caller's own");
        own.MapGet("/{id}", GetAccessKey.HandleAsync).WithName("GetAccessKey").WithSummary("Shows one S3 access key, without its secret");
        own.MapDelete("/{id}", RevokeAccessKey.HandleAsync).WithName("RevokeAccessKey").WithSummary("Revokes an S3 access key");

        var manage = routes.MapGroup("/v1/access-keys").WithTags("Access keys").RequireRole(Role.Owner);
        manage.MapPost("/", CreateAccessKey.HandleAsync)
            .WithName("CreateAccessKey").WithSummary("Makes an S3 access key; the answer carries the secret, once");
        manage.MapPatch("/{id}", PatchAccessKey.HandleAsync).WithName("PatchAccessKey").WithSummary("Renames or labels an S3 access key");
    }
}
