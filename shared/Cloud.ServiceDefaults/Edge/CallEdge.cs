using System.Diagnostics;
using Cloud.ServiceDefaults.Errors;
using Cloud.ServiceDefaults.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Cloud.ServiceDefaults.Edge;

/// <summary>
/// The outermost step of every call, and the only one around all others: its id, what is refused at once, and a problem document for
/// whatever fails or ends without a body. One step instead of the framework's three, as each costs every call.
/// </summary>
internal sealed partial class CallEdge(
    RequestDelegate next, ExceptionResponses responses, CallMetrics metrics, ILogger<CallEdge> log)
{
    private const int StatusClientClosed = 499;

    public async Task InvokeAsync(HttpContext context)
    {
        var startedAt = Stopwatch.GetTimestamp();
        try
        {
            CallTrace.Begin(context.Request);
            context.TraceIdentifier = RequestIds.Of(context);
            RequestGuard.Check(context.Request);
            await next(context);
            var response = context.Response;
            if (response.StatusCode >= StatusCodes.Status400BadRequest && !response.HasStarted && response.ContentLength is null
                && string.IsNullOrEmpty(response.ContentType))
            {
                await ProblemWriter.WriteAsync(context, response.StatusCode);
            }
        }
        catch (Exception exception)
        {
            await FailAsync(context, exception);
        }
        finally
        {
            metrics.Count(context, startedAt);
        }
    }

    private async Task FailAsync(HttpContext context, Exception exception)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody reads the answer; what the caller's leaving broke is no fault of ours.
            if (!context.Response.HasStarted)
            {
                context.Response.StatusCode = StatusClientClosed;
            }
        }
        else if (!context.Response.HasStarted)
        {
            Forget(context.Response);
            await responses.WriteAsync(context, exception);
        }
        else
        {
            // Half an answer is out: only cutting the connection tells the caller that it is not whole.
            LogCut(log, exception, context.Request.Method, context.Request.Path);
            context.Abort();
        }
    }

    /// <summary>What a handler said of an answer that it then did not give.</summary>
    private static void Forget(HttpResponse response)
    {
        response.Headers.ETag = default;
        response.Headers.Location = default;
        response.Headers.CacheControl = default;
        response.Headers.ContentLength = default;
        response.Headers.ContentEncoding = default;
    }

    [LoggerMessage(EventId = 102, Level = LogLevel.Error, Message = "{Method} {Path} failed in the middle of its answer")]
    private static partial void LogCut(ILogger log, Exception exception, string method, string path);
}
