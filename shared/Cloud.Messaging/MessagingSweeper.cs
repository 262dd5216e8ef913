using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Cloud.Messaging;

/// <summary>
/// Forgets what was handled long ago: messages, so that the inbox stays small, and the timelines of old sagas. Dead letters stay.
/// </summary>
internal sealed partial class MessagingSweeper<TContext>(
    IDbContextFactory<TContext> databases,
    ServiceRegistration<TContext> service,
    IOptions<MessagingOptions> options,
    TimeProvider time,
    ILogger<MessagingSweeper<TContext>> log) : BackgroundService
    where TContext : DbContext
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    public async Task SweepAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var handledBefore = now - options.Value.KeepHandled;
        var endedBefore = now - options.Value.KeepSagas;
        await using var db = await databases.CreateDbContextAsync(ct);
        await db.Set<InboxMessage>().Where(
            message => message.EndedAt < handledBefore && message.State == InboxState.Handled).ExecuteDeleteAsync(ct);
        await db.Set<SagaRun>().Where(run => run.EndedAt < endedBefore).ExecuteDeleteAsync(ct);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogFault(log, fault, service.Name);
            }
        }
    }

    [LoggerMessage(
        EventId = 206, Level = LogLevel.Warning, Message = "Old messages of {Service} could not be swept; the next round tries again")]
    private static partial void LogFault(ILogger log, Exception exception, string service);
}
