using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Lists;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Cloud.ServiceDefaults.OpenApi;

/// <summary>Describes what handlers take by types that bind themselves: <c>?wait=</c>, the questions of lists, <c>If-Match</c>, merge patches.</summary>
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
                Query(operation, "limit", JsonSchemaType.Integer, $"Items a page, 1 to {ListQuery.LimitMax}; {ListQuery.LimitDefault} if left out.");
                Query(operation, "cursor", JsonSchemaType.String, "The nextCursor of the page before.");
                Query(operation, "label", JsonSchemaType.String, "key=value; given several times, all must match.");
                Query(operation, "name", JsonSchemaType.String, "The exact name.");
                Query(operation, "status", JsonSchemaType.String, "The exact status.");
            }
            else if (type == typeof(IfMatch))
            {
                operation.Parameters.Add(new OpenApiParameter
                {
                    Name = "If-Match",
                    In = ParameterLocation.Header,
                    Description = "The ETag that was read; 412 where it has changed since.",
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                });
            }
            else if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(MergePatch<>))
            {
                var fields = context.SchemaGenerator.GenerateSchema(type.GetGenericArguments()[0], context.SchemaRepository);
                operation.RequestBody = new OpenApiRequestBody
                {
                    Required = true,
                    Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new() { Schema = fields } },
                };
            }
        }
    }

    private static void Query(OpenApiOperation operation, string name, JsonSchemaType type, string description) =>
        operation.Parameters!.Add(new OpenApiParameter
        {
            Name = name,
            In = ParameterLocation.Query,
            Description = description,
            Schema = new OpenApiSchema { Type = type },
        });
}
