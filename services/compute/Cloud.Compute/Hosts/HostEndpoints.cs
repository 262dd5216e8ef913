using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.Hosts;

internal static class HostEndpoints
{
    public static void MapHosts(this IEndpointRouteBuilder routes)
    {
        var hosts = routes.MapGroup("/v1/hosts").WithTags("Hosts").RequireRole(Role.Admin);
        hosts.MapGet("/", ListHosts.HandleAsync).WithName("ListHosts").WithSummary("Lists the compute hosts");
        hosts.MapGet("/{id}", GetHost.HandleAsync).WithName("GetHost")
            .WithSummary("Shows one host, by name or id, with what its engines were found to do");
        hosts.MapPost("/{id}/drain", DrainHost.HandleAsync).WithName("DrainHost")
            .WithSummary("Takes a host out of use: what runs on it goes to others");
        hosts.MapPost("/{id}/activate", ActivateHost.HandleAsync).WithName("ActivateHost").WithSummary("Takes a host into use again");
        routes.MapGet("/v1/engines", ListEngines.HandleAsync).WithTags("Hosts").RequireRole(Role.Viewer)
            .WithName("ListEngines").WithSummary("Lists the engines, and on which hosts they work or why not");
        routes.MapPost("/internal/v1/hosts", RegisterHost.Handle).RequireServiceKey().ExcludeFromDescription();
    }
}
