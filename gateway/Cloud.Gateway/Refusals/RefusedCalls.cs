using System.Net;
using System.Threading.Channels;
using Cloud.Gateway.Persistence;
using Cloud.Gateway.Tokens;
using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Telemetry;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Gateway.Refusals;

/// <summary>
/// Tells the audit log of calls that were answered with 401 or 403. What a flood of them can write is bounded, for each address and in all;
/// what is left out is counted in the log.
/// </summary>
internal sealed partial class RefusedCalls(
    IDbContextFactory<GatewayDbContext> databases, TimeProvider time, ILogger<RefusedCalls> log) : BackgroundService
{
    private const string OrderKey = "refused-calls";
    private const int QueueMax = 1024;
    private const int BatchMax = 64;
    private const int PathLengthMax = 300;

    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    private readonly Channel<CallRefused> _queue = Channel.CreateBounded<CallRefused>(
        new BoundedChannelOptions(QueueMax) { SingleReader = true });
    private readonly RefusalBudget _budget = new(time);

    /// <summary>Takes note of the call if it was refused; costs a comparison if it was not.</summary>
    public void NoteIfRefused(HttpContext context)
    {
        if (context.Response.StatusCode is StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden)
        {
            Note(context);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var batch = new List<CallRefused>();
        while (await _queue.Reader.WaitToReadAsync(stoppingToken))
        {
            while (batch.Count < BatchMax && _queue.Reader.TryRead(out var call))
            {
                batch.Add(call);
            }

            await SaveAsync(batch, stoppingToken);
            batch.Clear();
        }
    }

    private void Note(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress ?? IPAddress.None;
        var now = time.GetUtcNow();
        if (!_budget.Take(address) || !_queue.Writer.TryWrite(ToMessage(context, address, now)))
        {
            var left = _budget.LeaveOut();
            if (left > 0)
            {
                LogLeftOut(log, left);
            }
        }
    }

    private static CallRefused ToMessage(HttpContext context, IPAddress address, DateTimeOffset now)
    {
        var caller = (context.User as CallerPrincipal)?.Token.Caller;
        var path = context.Request.Path.Value ?? "";
        return new CallRefused
        {
            Id = TypedId.NewValue("ref", now),
            At = now,
            Subject = caller?.Subject,
            Token = caller?.Token,
            Project = caller?.Project,
            Method = context.Request.Method,
            Path = path.Length <= PathLengthMax ? path : path[..PathLengthMax],
            Status = context.Response.StatusCode,
            TraceId = CallTrace.IdOf(context),
            SourceAddress = address.ToString(),
        };
    }

    private async Task SaveAsync(List<CallRefused> batch, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                await using var db = await databases.CreateDbContextAsync(ct);
                foreach (var call in batch)
                {
                    db.Outbox().Add(call, OrderKey);
                }

                await db.SaveChangesAsync(ct);
                return;
            }
            catch (Exception failed) when (failed is not OperationCanceledException)
            {
                // The queue fills up meanwhile, and what does not fit is counted.
                LogNotSaved(log, failed);
                await Task.Delay(RetryPause, time, ct);
            }
        }
    }

    [LoggerMessage(
        EventId = 5011, Level = LogLevel.Warning,
        Message = "{Count} refused calls since the last such line are not in the audit log: there were too many")]
    private static partial void LogLeftOut(ILogger log, int count);

    [LoggerMessage(EventId = 5012, Level = LogLevel.Warning, Message = "Refused calls cannot be saved now; they are tried again")]
    private static partial void LogNotSaved(ILogger log, Exception exception);
}
