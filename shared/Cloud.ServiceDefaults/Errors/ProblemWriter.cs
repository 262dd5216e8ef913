using System.Globalization;
using System.Text.Json;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Cloud.ServiceDefaults.Errors;

/// <summary>Writes <c>application/problem+json</c> (RFC 9457) with the members that every error of the cloud has.</summary>
public static class ProblemWriter
{
    public static Task WriteAsync(HttpContext context, CloudException refusal)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(refusal);
        if (refusal.RetryAfter is { } after)
        {
            context.Response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(after.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        return WriteAsync(context, ErrorResponses.StatusOf(refusal.Kind), refusal.Code, refusal.Message, refusal.Errors, refusal.Details);
    }

    /// <summary>A status that the framework chose and that has no body yet.</summary>
    public static Task WriteAsync(HttpContext context, int status) =>
        WriteAsync(context, status, ErrorResponses.CodeOf(status), ErrorResponses.DetailOf(status), null, null);

    private static async Task WriteAsync(
        HttpContext context,
        int status,
        string code,
        string detail,
        IReadOnlyDictionary<string, string[]>? errors,
        IReadOnlyDictionary<string, object>? details)
    {
        var problem = new Dictionary<string, object>
        {
            ["type"] = $"urn:cloud:error:{code}",
            ["title"] = ReasonPhrases.GetReasonPhrase(status),
            ["status"] = status,
            ["detail"] = detail,
            ["code"] = code,
            ["traceId"] = CallTrace.IdOf(context) ?? context.TraceIdentifier,
        };
        if (errors is { Count: > 0 })
        {
            problem["errors"] = errors;
        }

        foreach (var (name, value) in details ?? new Dictionary<string, object>())
        {
            problem[name] = value;
        }

        context.Response.StatusCode = status;
        context.Response.ContentType = "application/problem+json";
        if (status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }

        await JsonSerializer.SerializeAsync(context.Response.Body, problem, JsonDefaults.Options, context.RequestAborted);
    }
}
