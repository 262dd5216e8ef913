using System.Text.Json;
using Cloud.Primitives;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace Cloud.ServiceDefaults.Errors;

/// <summary>Turns what a handler threw into a problem document: refusals as they are, the caller's bad JSON as a field's error, the rest as a bug.</summary>
internal sealed partial class ExceptionResponses(ILogger<ExceptionResponses> log) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (httpContext.RequestAborted.IsCancellationRequested || httpContext.Response.HasStarted)
        {
            return false;
        }

        switch (exception)
        {
            case CloudException refusal:
                await ProblemWriter.WriteAsync(httpContext, refusal);
                return true;
            case BadHttpRequestException { InnerException: JsonException json }:
                await ProblemWriter.WriteAsync(httpContext, FromJson(json));
                return true;
            case BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } bad:
                await ProblemWriter.WriteAsync(httpContext, new CloudException(ErrorKind.Invalid, "invalid-request", bad.Message));
                return true;
            case BadHttpRequestException bad:
                await ProblemWriter.WriteAsync(httpContext, bad.StatusCode);
                return true;
            case DbUpdateConcurrencyException:
                await ProblemWriter.WriteAsync(httpContext, CloudException.Conflict("changed-meanwhile", "Somebody changed it at the same moment. Read it again."));
                return true;
            default:
                LogUnhandled(log, exception, httpContext.Request.Method, httpContext.Request.Path);
                await ProblemWriter.WriteAsync(httpContext, StatusCodes.Status500InternalServerError);
                return true;
        }
    }

    /// <summary>System.Text.Json's path (<c>$.ports[0].guest</c>) is the field's path in our errors.</summary>
    internal static CloudException FromJson(JsonException json)
    {
        var field = json.Path is { Length: > 2 } path && path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : "body";
        var text = json.Message;
        var cut = text.IndexOf(" Path: ", StringComparison.Ordinal);
        text = cut > 0 ? text[..cut] : text;
        if (text.StartsWith("The JSON property '", StringComparison.Ordinal))
        {
            field = text.Split('\'')[1];
            text = "There is no such field.";
        }
        else if (text.StartsWith("The JSON value could not be converted", StringComparison.Ordinal))
        {
            text = "The value has the wrong type or form.";
        }

        return CloudException.Invalid(field, text);
    }

    [LoggerMessage(EventId = 100, Level = LogLevel.Error, Message = "{Method} {Path} failed")]
    private static partial void LogUnhandled(ILogger log, Exception exception, string method, string path);
}
