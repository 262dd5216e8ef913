using System.Text.Json;
using Cloud.Persistence;
using Cloud.Primitives;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace Cloud.ServiceDefaults.Errors;

/// <summary>
/// Turns what a handler threw into a problem document: refusals as they are, the caller's bad JSON as a field's error, the rest as a bug.
/// </summary>
internal sealed partial class ExceptionResponses(ILogger<ExceptionResponses> log)
{
    private static readonly TimeSpan DatabaseRetryAfter = TimeSpan.FromSeconds(1);

    public Task WriteAsync(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case CloudException refusal:
                return ProblemWriter.WriteAsync(context, refusal);
            case BadHttpRequestException { InnerException: JsonException json }:
                return ProblemWriter.WriteAsync(context, JsonErrors.ToRefusal(json));
            case BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } bad:
                return ProblemWriter.WriteAsync(context, BindingErrors.ToRefusal(bad));
            case BadHttpRequestException bad:
                return ProblemWriter.WriteAsync(context, bad.StatusCode);
            case DbUpdateConcurrencyException:
                return ProblemWriter.WriteAsync(
                    context, CloudException.Conflict("changed-meanwhile", "Somebody changed it at the same moment. Read it again."));
            default:
                return exception.IsDiskFull() ? WriteDiskFullAsync(context, exception)
                    : exception.IsDatabaseUnavailable() ? WriteUnavailableAsync(context, exception)
                    : WriteBugAsync(context, exception);
        }
    }

    private Task WriteUnavailableAsync(HttpContext context, Exception exception)
    {
        LogDatabaseUnavailable(log, exception, context.Request.Method, context.Request.Path);
        var refusal = new CloudException(ErrorKind.Unavailable, "database-unavailable", "The database does not answer now. Try again.")
        {
            RetryAfter = DatabaseRetryAfter,
        };
        return ProblemWriter.WriteAsync(context, refusal);
    }

    private Task WriteDiskFullAsync(HttpContext context, Exception exception)
    {
        LogDiskFull(log, exception, context.Request.Method, context.Request.Path);
        return ProblemWriter.WriteAsync(context, new CloudException(
            ErrorKind.Unavailable, "disk-full", "The cloud's disk is full; nothing was changed. Make room on it and try again."));
    }

    private Task WriteBugAsync(HttpContext context, Exception exception)
    {
        LogUnhandled(log, exception, context.Request.Method, context.Request.Path);
        return ProblemWriter.WriteAsync(context, StatusCodes.Status500InternalServerError);
    }

    [LoggerMessage(EventId = 100, Level = LogLevel.Error, Message = "{Method} {Path} failed")]
    private static partial void LogUnhandled(ILogger log, Exception exception, string method, string path);

    [LoggerMessage(EventId = 101, Level = LogLevel.Warning, Message = "{Method} {Path} found no database")]
    private static partial void LogDatabaseUnavailable(ILogger log, Exception exception, string method, string path);

    [LoggerMessage(EventId = 104, Level = LogLevel.Warning, Message = "{Method} {Path} found no room on the disk")]
    private static partial void LogDiskFull(ILogger log, Exception exception, string method, string path);
}
