using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Quotas;

internal static class QuotaEndpoints
{
    public static void MapQuotas(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/quotas").WithTags("Quotas").RequireRole(Role.Viewer);
        read.MapGet("/", ListQuotas.HandleAsync)
            .WithName("ListQuotas").WithSummary("Lists what the project may have at most, and what is in use");
        read.MapGet("/{name}", GetQuota.HandleAsync).WithName("GetQuota").WithSummary("Shows one quota");

        var admin = routes.MapGroup("/v1/quotas").WithTags("Quotas").RequireRole(Role.Admin);
        admin.MapPut("/{name}", SetQuota.HandleAsync).WithName("SetQuota").WithSummary("Sets one limit of a project (?project=)");
        admin.MapPatch("/", PatchQuotas.HandleAsync)
            .WithName("PatchQuotas").WithSummary("Sets several limits of a project; null takes the default again");
    }
}
