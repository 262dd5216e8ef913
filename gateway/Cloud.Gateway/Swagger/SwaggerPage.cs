using Cloud.Gateway.Routes;
using Cloud.ServiceDefaults.OpenApi;
using Swashbuckle.AspNetCore.SwaggerUI;

namespace Cloud.Gateway.Swagger;

/// <summary>One page over the documents of all services, wherever they are hosted. No token is needed to see it.</summary>
internal static class SwaggerPage
{
    public const string Path = "/swagger";

    /// <summary>Its scripts and styles are its own; only its inline styles and the icons in them are not files.</summary>
    private const string Policy =
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        + "frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

    public static void MapSwaggerPage(this IEndpointRouteBuilder routes)
    {
        var documents = Documents(routes.ServiceProvider);
        routes.MapGet("/", () => TypedResults.Redirect(Path)).AllowAnonymous().ExcludeFromDescription();
        routes.MapSwaggerUI(Path.TrimStart('/'), page =>
        {
            foreach (var (name, title) in documents)
            {
                page.SwaggerEndpoint(ServiceDocumentEndpoints.PathOf(name), title);
            }

            page.DocumentTitle = "Cloud";
            page.DocExpansion(DocExpansion.List);
            page.DefaultModelsExpandDepth(-1);
            page.EnablePersistAuthorization();
            page.EnableFilter();
            page.EnableDeepLinking();
            page.DisplayRequestDuration();
            page.EnableTryItOutByDefault();
        }).AllowAnonymous().Add(endpoint =>
        {
            var serve = endpoint.RequestDelegate!;
            endpoint.RequestDelegate = context =>
            {
                context.Response.Headers.ContentSecurityPolicy = Policy;
                context.Response.Headers.XContentTypeOptions = "nosniff";
                return serve(context);
            };
        });
    }

    /// <summary>Services first, those that most calls go to in front; the gateway's own at the end.</summary>
    private static List<(string Name, string Title)> Documents(IServiceProvider services)
    {
        var hosted = services.GetRequiredService<ServiceDocuments>().All.Select(document => (document.Name, document.Title));
        var remote = services.GetRequiredService<RemoteServices>().All.Select(service => (service.Routes.Service, service.Routes.Title));
        return hosted.Concat(remote).OrderBy(document => document.Item1 == GatewaySetup.Name ? 2 : document.Item1 == "compute" ? 0 : 1)
            .ThenBy(document => document.Item1, StringComparer.Ordinal).ToList();
    }
}
