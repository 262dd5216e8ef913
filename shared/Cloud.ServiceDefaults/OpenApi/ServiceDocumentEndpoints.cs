using System.Collections.Concurrent;
using System.Text;
using Cloud.Primitives;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.Swagger;

namespace Cloud.ServiceDefaults.OpenApi;

/// <summary>Serves the documents. Making one takes tens of milliseconds and needs no token to ask for: each is made once.</summary>
public static class ServiceDocumentEndpoints
{
    /// <summary>The path of a service's document.</summary>
    public static string PathOf(string service) => $"/swagger/{service}/openapi.json";

    /// <summary>Serves the documents of all services hosted in this process.</summary>
    public static void MapServiceDocuments(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        routes.MapGet(PathOf("{service}"), GetDocumentAsync).AllowAnonymous().ExcludeFromDescription();
    }

    private static async Task<IResult> GetDocumentAsync(string service, ServiceDocuments documents, IAsyncSwaggerProvider swagger)
    {
        var document = documents.All.FirstOrDefault(one => one.Name == service) ?? throw CloudException.NotFound("document", service);
        return TypedResults.Bytes(
            await documents.Texts.GetOrAdd(document.Name, name => WriteAsync(swagger, name)), "application/json; charset=utf-8");
    }

    private static async Task<byte[]> WriteAsync(IAsyncSwaggerProvider swagger, string name)
    {
        var document = await swagger.GetSwaggerAsync(name);
        return Encoding.UTF8.GetBytes(await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_0));
    }
}

/// <summary>A service's document, for the page that lists them.</summary>
public sealed record ServiceDocument(string Name, string Title);

/// <summary>The documents of the services in this process.</summary>
public sealed class ServiceDocuments(IEnumerable<ServiceDocument> documents)
{
    public IReadOnlyList<ServiceDocument> All { get; } = documents.ToList();

    /// <summary>As JSON, made when first asked for.</summary>
    internal ConcurrentDictionary<string, Task<byte[]>> Texts { get; } = new(StringComparer.Ordinal);
}
