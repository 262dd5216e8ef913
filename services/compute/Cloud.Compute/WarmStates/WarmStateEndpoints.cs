using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.WarmStates;

internal static class WarmStateEndpoints
{
    public static void MapWarmStates(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/images").WithTags("Images").RequireRole(Role.Viewer);
        read.MapGet("/{id}/warm", ListWarmStates.HandleAsync).WithName("ListWarmStates")
            .WithSummary("Shows for which types an image is warm");

        var change = routes.MapGroup("/v1/images").WithTags("Images").RequireRole(Role.Editor);
        change.MapPost("/{id}/warm", WarmImage.HandleAsync).WithName("WarmImage")
            .WithSummary("Boots an image once and keeps what came of it: instances of that type go on from there instead of booting");
        change.MapDelete("/{id}/warm", CoolImage.HandleAsync).WithName("CoolImage")
            .WithSummary("Removes what was kept of an image's boots; its instances boot from then on");
    }
}
