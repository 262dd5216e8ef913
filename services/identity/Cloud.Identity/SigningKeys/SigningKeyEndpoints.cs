namespace Cloud.Identity.SigningKeys;

internal static class SigningKeyEndpoints
{
    public static void MapSigningKeys(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/.well-known/jwks.json", GetJwks.HandleAsync).WithTags("Keys").AllowAnonymous()
            .WithName("GetJwks").WithSummary("Shows the public keys that tokens between services are verified by");
}
