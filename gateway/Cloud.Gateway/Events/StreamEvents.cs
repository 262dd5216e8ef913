using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Cloud.Gateway.Tokens;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace Cloud.Gateway.Events;

/// <summary>
/// <c>GET /v1/events</c>: every change in the project, as it happens. With <c>Last-Event-ID</c> it goes on after that event, whichever
/// replica or run of the gateway sent it.
/// </summary>
internal sealed class StreamEvents(
    EventFeed feed, KnownTokens tokens, IOptions<GatewayOptions> options, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private const string LastEventId = "Last-Event-ID";
    private const int FilterLengthMax = 100;

    /// <param name="type">A type such as <c>instance.running</c>, or a kind such as <c>instance</c>.</param>
    /// <param name="resource">The id of one resource.</param>
    public static Task HandleAsync(HttpContext context, Caller caller, string? type, string? resource, StreamEvents streams) =>
        streams.StreamAsync(context, caller, new EventFilter(
            caller.IsAdmin && !context.Request.Query.ContainsKey("project") ? null : caller.Project, Checked(type, "type"),
            Checked(resource, "resource")));

    private async Task StreamAsync(HttpContext context, Caller caller, EventFilter filter)
    {
        var token = ((CallerPrincipal)context.User).Token;
        using var lease = token.Limits.Streams.AttemptAcquire();
        if (!lease.IsAcquired)
        {
            throw new CloudException(
                ErrorKind.Throttled, "too-many-streams", $"This token has {options.Value.StreamsPerToken} event streams open: close one.")
            {
                RetryAfter = options.Value.Heartbeat,
            };
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, lifetime.ApplicationStopping, token.Revoked);
        using var open = feed.Open();
        var (newest, oldest) = await feed.RangeAsync(stop.Token);
        var position = PositionOf(context.Request, newest) ?? newest;
        Begin(context, position, oldest);
        try
        {
            await SendAsync(context, token, filter, Math.Max(position, oldest - 1), stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The caller left, the process stops, or the token was revoked: the stream is over.
        }
    }

    private async Task SendAsync(HttpContext context, KnownToken token, EventFilter filter, long position, CancellationToken ct)
    {
        var body = context.Response.BodyWriter;
        await body.FlushAsync(ct);
        while (!ct.IsCancellationRequested && (token.ExpiresAt is not { } end || time.GetUtcNow() < end))
        {
            var events = await feed.ReadAfterAsync(position, ct);
            if (events.Count == 0)
            {
                if (!await HasMoreAsync(context, position, body, ct))
                {
                    return;
                }

                continue;
            }

            var sent = false;
            foreach (var happened in events)
            {
                position = happened.Position;
                if (filter.Matches(happened))
                {
                    sent = true;
                    body.Write(happened.Message);
                }
            }

            if (sent)
            {
                // Waits for a reader that is slow: the place it is at is all that is kept for it.
                await body.FlushAsync(ct);
            }
        }
    }

    /// <summary>
    /// Waits for the next event, with a sign of life now and then. The sign carries the place, also past what the filter hid.
    /// </summary>
    /// <returns>False where the token is valid no more.</returns>
    private async Task<bool> HasMoreAsync(HttpContext context, long position, PipeWriter body, CancellationToken ct)
    {
        var next = feed.WaitAfterAsync(position, ct);
        using var beat = CancellationTokenSource.CreateLinkedTokenSource(ct);
        if (await Task.WhenAny(next, Task.Delay(options.Value.Heartbeat, time, beat.Token)) == next)
        {
            await beat.CancelAsync();
            await next;
            return true;
        }

        if (!TokenAsked.TryRead(context.Request, out var asked) || await tokens.AskAsync(asked, ct) is null)
        {
            return false;
        }

        Write(body, $": alive\nid: {position}\n\n");
        await body.FlushAsync(ct);
        return true;
    }

    private static void Begin(HttpContext context, long position, long oldest)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache, no-store";
        response.Headers["X-Accel-Buffering"] = "no";
        context.Features.GetRequiredFeature<IHttpResponseBodyFeature>().DisableBuffering();
        var lost = position + 1 < oldest ? $": events {position + 1} to {oldest - 1} are no longer kept\n" : "";
        Write(response.BodyWriter, $": connected\n{lost}retry: 1000\nid: {position}\n\n");
    }

    private static long? PositionOf(HttpRequest request, long newest)
    {
        var header = request.Headers[LastEventId];
        if (header.Count == 0 || (header.Count == 1 && header[0] is ""))
        {
            return null;
        }

        return long.TryParse(header.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var position) && position <= newest
            ? position
            : throw CloudException.Invalid(LastEventId, "Expected the id of an event of this cloud, or 0 for the oldest that is kept.");
    }

    private static string? Checked(string? filter, string field) => filter is null or { Length: > 0 and <= FilterLengthMax }
        ? filter
        : throw CloudException.Invalid(field, $"Expected 1 to {FilterLengthMax} characters.");

    private static void Write(PipeWriter body, FormattableString text) =>
        body.Write(Encoding.ASCII.GetBytes(text.ToString(CultureInfo.InvariantCulture)));
}
