using Cloud.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Cloud.Messaging;

/// <summary>
/// Hands a service's outbox to the bus: in order, and each row removed only when the bus has it on disk. Killed between the two, it
/// publishes again; the inbox knows the message. On PostgreSQL one replica at a time relays, under an advisory lock of the transaction that
/// removes the rows, so that no two publish the messages of one key in turns.
/// </summary>
internal sealed partial class OutboxRelay<TContext>(
    IDbContextFactory<TContext> databases,
    CloudDatabase<TContext> database,
    ServiceRegistration<TContext> service,
    IMessageBus bus,
    IOptions<MessagingOptions> options,
    TimeProvider time,
    ILogger<OutboxRelay<TContext>> log) : BackgroundService
    where TContext : DbContext
{
    private const int BatchMax = 100;

    /// <summary>The pause after the bus or the database did not answer.</summary>
    private static readonly TimeSpan FaultPause = TimeSpan.FromSeconds(1);

    /// <summary>The pause until the relay asks again for a lock that another replica holds.</summary>
    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(100);

    /// <summary>Any number that nothing else in the service's database locks: "outbox" in ASCII.</summary>
    private const long LockKey = 0x6f7574626f78;

    private bool _isTroubled;

    private enum Outcome
    {
        Empty,
        More,
        Busy,
        Fault,
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        var poll = database.IsPostgres ? options.Value.Poll : options.Value.PollAlone;
        while (!stoppingToken.IsCancellationRequested)
        {
            var outcome = await TryRelayAsync(stoppingToken);
            if (outcome is Outcome.Fault or Outcome.Busy)
            {
                await Task.Delay(outcome == Outcome.Fault ? FaultPause : BusyPause, time, stoppingToken);
            }
            else if (outcome == Outcome.Empty)
            {
                await service.OutboxSignal.WaitAsync(poll, stoppingToken);
            }
        }
    }

    private async Task<Outcome> TryRelayAsync(CancellationToken ct)
    {
        try
        {
            var (outcome, fault) = await RelayAsync(ct);
            Note(fault);
            return outcome;
        }
        catch (Exception fault) when (!ct.IsCancellationRequested)
        {
            Note(fault);
            return Outcome.Fault;
        }
    }

    private async Task<(Outcome Outcome, Exception? Fault)> RelayAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (!await db.Set<OutboxMessage>().AnyAsync(ct))
        {
            return (Outcome.Empty, null);
        }

        await using var transaction = database.IsPostgres ? await db.Database.BeginTransactionAsync(ct) : null;
        if (transaction is not null
            && !await db.Database.SqlQuery<bool>($"""SELECT pg_try_advisory_xact_lock({LockKey}) AS "Value" """).SingleAsync(ct))
        {
            return (Outcome.Busy, null);
        }

        var batch = await db.Set<OutboxMessage>().AsNoTracking().OrderBy(row => row.Position).Take(BatchMax).ToListAsync(ct);
        var delivery = await bus.DeliverAsync(service.Name, batch, ct);
        if (delivery.Delivered.Count > 0)
        {
            await db.Set<OutboxMessage>().Where(row => delivery.Delivered.Contains(row.Position)).ExecuteDeleteAsync(ct);
        }

        if (transaction is not null)
        {
            await transaction.CommitAsync(ct);
        }

        return (delivery.Fault is null ? Outcome.More : Outcome.Fault, delivery.Fault);
    }

    /// <summary>Says once that the outbox waits, and once that it moves again.</summary>
    private void Note(Exception? fault)
    {
        if (fault is not null && !_isTroubled)
        {
            LogWaits(log, fault, service.Name);
        }
        else if (fault is null && _isTroubled)
        {
            LogMoves(log, service.Name);
        }

        _isTroubled = fault is not null;
    }

    [LoggerMessage(
        EventId = 200, Level = LogLevel.Warning,
        Message = "Messages of {Service} wait in its outbox until the bus and the database answer")]
    private static partial void LogWaits(ILogger log, Exception exception, string service);

    [LoggerMessage(EventId = 201, Level = LogLevel.Information, Message = "Messages of {Service} leave its outbox again")]
    private static partial void LogMoves(ILogger log, string service);
}
