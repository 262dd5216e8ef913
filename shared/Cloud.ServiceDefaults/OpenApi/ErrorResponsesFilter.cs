using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Idempotency;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Cloud.ServiceDefaults.OpenApi;

/// <summary>An error as every operation answers it (RFC 9457).</summary>
/// <param name="Code">Stable, kebab-case, for programs.</param>
/// <param name="Errors">For 400: what is wrong, by the field's path.</param>
public sealed record Problem(
    string Type, string Title, int Status, string Detail, string Code, string TraceId, IReadOnlyDictionary<string, IReadOnlyList<string>>? Errors);

/// <summary>Adds the errors that an operation can answer, by what it takes and who may call it.</summary>
internal sealed class ErrorResponsesFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        var method = context.ApiDescription.HttpMethod ?? "GET";
        var changes = method is "POST" or "PUT" or "PATCH" or "DELETE";
        var metadata = context.ApiDescription.ActionDescriptor.EndpointMetadata;
        var token = !metadata.OfType<IAllowAnonymous>().Any();
        var problem = context.SchemaGenerator.GenerateSchema(typeof(Problem), context.SchemaRepository);
        operation.Responses ??= [];
        foreach (var (applies, status) in new[]
        {
            (token, 400), (token, 401), (metadata.OfType<LeastRole>().Any(), 403),
            (context.ApiDescription.RelativePath?.Contains('{', StringComparison.Ordinal) == true, 404), (changes, 409),
            (context.MethodInfo.GetParameters().Any(parameter => parameter.ParameterType == typeof(IfMatch)), 412),
            (operation.RequestBody is not null, 413), (operation.RequestBody is not null, 415),
            (metadata.OfType<TakesIdempotencyKey>().Any() && changes, 422), (true, 429), (true, 503),
        })
        {
            if (applies)
            {
                operation.Responses.TryAdd($"{status}", new OpenApiResponse
                {
                    Description = ReasonPhrases.GetReasonPhrase(status),
                    Content = new Dictionary<string, OpenApiMediaType> { ["application/problem+json"] = new() { Schema = problem } },
                });
            }
        }
    }
}
