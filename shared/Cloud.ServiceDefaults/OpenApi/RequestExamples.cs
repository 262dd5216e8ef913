using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Cloud.ServiceDefaults.OpenApi;

/// <summary>The body that the page offers under <em>Try it out</em>: one that works.</summary>
public sealed record RequestExample(string Json);

/// <summary>Lets a route say an example of its body.</summary>
public static class RequestExampleSetup
{
    /// <summary>An example of the route's body; a document test checks that it is JSON.</summary>
    public static TBuilder WithExample<TBuilder>(this TBuilder builder, [StringSyntax(StringSyntaxAttribute.Json)] string json)
        where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new RequestExample(json));
}

internal sealed class RequestExamples : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        var example = context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<RequestExample>().LastOrDefault();
        if (example is null || operation.RequestBody?.Content is not { } content)
        {
            return;
        }

        foreach (var media in content.Values.OfType<OpenApiMediaType>())
        {
            media.Example = JsonNode.Parse(example.Json);
        }
    }
}
