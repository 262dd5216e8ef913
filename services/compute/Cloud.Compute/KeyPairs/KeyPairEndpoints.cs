using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.KeyPairs;

internal static class KeyPairEndpoints
{
    public static void MapKeyPairs(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/key-pairs").WithTags("Key pairs").RequireRole(Role.Viewer);
        read.MapGet("/", ListKeyPairs.HandleAsync).WithName("ListKeyPairs").WithSummary("Lists the project's key pairs");
        read.MapGet("/{id}", GetKeyPair.HandleAsync).WithName("GetKeyPair").WithSummary("Shows one key pair, by name or id");

        var change = routes.MapGroup("/v1/key-pairs").WithTags("Key pairs").RequireRole(Role.Editor);
        change.MapPost("/", CreateKeyPair.HandleAsync).WithName("CreateKeyPair").WithSummary("Adds a public key, or makes a pair");
        change.MapPatch("/{id}", PatchKeyPair.HandleAsync).WithName("PatchKeyPair").WithSummary("Labels a key pair");
        change.MapDelete("/{id}", DeleteKeyPair.HandleAsync).WithName("DeleteKeyPair").WithSummary("Removes a key pair");
    }
}
