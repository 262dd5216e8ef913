using System.Text.Json.Nodes;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Edge;
using Cloud.ServiceDefaults.Errors;
using Cloud.ServiceDefaults.Idempotency;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Cloud.ServiceDefaults.OpenApi;

/// <summary>An error as every operation answers it (RFC 9457).</summary>
/// <param name="Code">Stable, kebab-case, for programs.</param>
/// <param name="Errors">For 400: what is wrong, by the field's path.</param>
public sealed record Problem(
    string Type, string Title, int Status, string Detail, string Code, string TraceId,
    IReadOnlyDictionary<string, IReadOnlyList<string>>? Errors);

/// <summary>Adds the errors that an operation can answer, by what it takes and who may call it.</summary>
internal sealed class ErrorResponsesFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        var method = context.ApiDescription.HttpMethod ?? "GET";
        var changes = method is "POST" or "PUT" or "PATCH" or "DELETE";
        var metadata = context.ApiDescription.ActionDescriptor.EndpointMetadata;
        var token = !metadata.OfType<IAllowAnonymous>().Any();
        var takesJson = operation.RequestBody is not null && !metadata.OfType<StreamedBody.Streamed>().Any();
        var problem = context.SchemaGenerator.GenerateSchema(typeof(Problem), context.SchemaRepository);
        operation.Responses ??= [];
        foreach (var (applies, status) in new[]
        {
            (token, 400), (token, 401), (metadata.OfType<LeastRole>().Any(), 403),
            (context.ApiDescription.RelativePath?.Contains('{', StringComparison.Ordinal) == true, 404), (changes, 409),
            (context.MethodInfo.GetParameters().Any(parameter => parameter.ParameterType == typeof(IfMatch)), 412),
            (takesJson, 413), (takesJson, 415),
            (metadata.OfType<TakesIdempotencyKey>().Any() && changes, 422), (true, 429), (true, 503),
        })
        {
            if (applies)
            {
                operation.Responses.TryAdd($"{status}", new OpenApiResponse
                {
                    Description = ReasonPhrases.GetReasonPhrase(status),
                    Content = new Dictionary<string, OpenApiMediaType>
                    {
                        ["application/problem+json"] = new() { Schema = problem, Example = ExampleOf(status) },
                    },
                });
            }
        }
    }

    private static JsonObject ExampleOf(int status)
    {
        var (code, detail) = status switch
        {
            StatusCodes.Status400BadRequest => ("invalid-request", $"name: Expected {ResourceName.Form}."),
            StatusCodes.Status404NotFound => ("not-found", "There is no such resource in this project."),
            StatusCodes.Status409Conflict => ("name-taken", "There is already one of that name in this project."),
            StatusCodes.Status412PreconditionFailed => ("etag-mismatch", "It has changed since it was read: its ETag is now \"7\"."),
            StatusCodes.Status422UnprocessableEntity => (
                "idempotency-key-reused", "This Idempotency-Key was used for another call. Take a new key for a new call."),
            StatusCodes.Status429TooManyRequests => ("too-many-requests", "Too many calls in a short time. Slow down."),
            _ => (ErrorResponses.CodeOf(status), ErrorResponses.DetailOf(status)),
        };
        var example = new JsonObject
        {
            ["type"] = $"urn:cloud:error:{code}",
            ["title"] = ReasonPhrases.GetReasonPhrase(status),
            ["status"] = status,
            ["detail"] = detail,
            ["code"] = code,
            ["traceId"] = "0af7651916cd43dd8448eb211c80319c",
        };
        if (status == StatusCodes.Status400BadRequest)
        {
            example["errors"] = new JsonObject { ["name"] = new JsonArray($"Expected {ResourceName.Form}.") };
        }

        return example;
    }
}
