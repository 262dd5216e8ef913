using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;
using Cloud.ServiceDefaults.OpenApi;

namespace Cloud.Gateway.Routes;

/// <summary>
/// A path of a service in another process: whoever has a token that covers it goes through, and what more it takes the service knows.
/// </summary>
internal sealed record ProxiedRoute;

/// <summary>Maps the paths of the services in other processes.</summary>
internal static class ProxiedRoutes
{
    public static void MapRemoteServices(this IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider.GetRequiredService<RemoteServices>();
        var proxy = routes.ServiceProvider.GetRequiredService<ServiceProxy>();
        foreach (var (table, address) in services.All)
        {
            var service = table.Service;
            var to = address.GetLeftPart(UriPartial.Authority);
            // What more than a viewer a call needs, the service says; its name is for tokens that are limited to some services.
            var calls = routes.MapGroup("").WithGroupName(service).RequireRole(Role.Viewer).WithMetadata(new ProxiedRoute());
            foreach (var prefix in table.Prefixes)
            {
                calls.Map($"{prefix}/{{**rest}}", Send(stream: false)).ExcludeFromDescription();
            }

            foreach (var pattern in table.Uploads)
            {
                calls.Map(pattern, Send(stream: false)).WithStreamedBody().ExcludeFromDescription();
            }

            foreach (var pattern in table.Streams)
            {
                calls.Map(pattern, Send(stream: true)).ExcludeFromDescription();
            }

            routes.MapGet(ServiceDocumentEndpoints.PathOf(service), Send(stream: false)).AllowAnonymous().ExcludeFromDescription();

            RequestDelegate Send(bool stream) => context => proxy.SendAsync(context, service, to, stream);
        }
    }
}
