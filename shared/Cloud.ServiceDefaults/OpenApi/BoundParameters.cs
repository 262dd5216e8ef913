using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Edge;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.Lists;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Cloud.ServiceDefaults.OpenApi;

/// <summary>
/// Describes what handlers take by types that bind themselves (<c>?wait=</c>, the questions of lists, <c>If-Match</c>, merge patches), and
/// what every call takes.
/// </summary>
internal sealed class BoundParameters : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        operation.Parameters ??= [];
        foreach (var parameter in context.MethodInfo.GetParameters())
        {
            var type = parameter.ParameterType;
            if (type == typeof(WaitQuery))
            {
                Query(operation, "wait", JsonSchemaType.Integer, "Seconds, at most 300, to hold the answer until the status settles.");
            }
            else if (type == typeof(ListQuery))
            {
                Query(
                    operation, "limit", JsonSchemaType.Integer,
                    $"Items a page, 1 to {ListQuery.LimitMax}; {ListQuery.LimitDefault} if left out.");
                Query(operation, "cursor", JsonSchemaType.String, "The nextCursor of the page before.");
                Query(operation, "label", JsonSchemaType.String, "key=value; given several times, all must match.");
                Query(operation, "name", JsonSchemaType.String, "The exact name.");
                Query(operation, "status", JsonSchemaType.String, "The exact status.");
            }
            else if (type == typeof(IfMatch))
            {
                Header(operation, "If-Match", "The ETag that was read; 412 where it has changed since.");
            }
            else if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(MergePatch<>))
            {
                var fields = context.SchemaGenerator.GenerateSchema(type.GetGenericArguments()[0], context.SchemaRepository);
                operation.RequestBody = new OpenApiRequestBody
                {
                    Required = true,
                    Content = new Dictionary<string, OpenApiMediaType>
                    {
                        ["application/json"] = new() { Schema = fields },
                        ["application/merge-patch+json"] = new() { Schema = fields },
                    },
                };
            }
        }

        if (context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<StreamedBody.Streamed>().Any())
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    ["application/octet-stream"] = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" } },
                },
            };
        }

        DescribeEveryCall(operation, context.ApiDescription.ActionDescriptor.EndpointMetadata);
    }

    private static void DescribeEveryCall(OpenApiOperation operation, IList<object> metadata)
    {
        if (metadata.OfType<IAllowAnonymous>().Any())
        {
            operation.Security = [];
            return;
        }

        if (operation.Parameters!.All(parameter => parameter.Name != "project"))
        {
            Query(operation, "project", JsonSchemaType.String, "For admins: the name or id of another project.");
        }

        if (metadata.OfType<TakesIdempotencyKey>().Any() && metadata.OfType<IHttpMethodMetadata>().Any(IdempotencySetup.Changes))
        {
            Header(
                operation, IdempotencyKey.Header,
                "Any string of your own: the same call sent again with it gets the first answer, for 24 hours.");
        }
    }

    private static void Query(OpenApiOperation operation, string name, JsonSchemaType type, string description) =>
        Add(operation, name, ParameterLocation.Query, type, description);

    private static void Header(OpenApiOperation operation, string name, string description) =>
        Add(operation, name, ParameterLocation.Header, JsonSchemaType.String, description);

    private static void Add(OpenApiOperation operation, string name, ParameterLocation place, JsonSchemaType type, string description) =>
        operation.Parameters!.Add(new OpenApiParameter
        {
            Name = name,
            In = place,
            Description = description,
            Schema = new OpenApiSchema { Type = type },
        });
}
