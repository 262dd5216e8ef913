using System.Data.Common;
using Cloud.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Cloud.Messaging;

/// <summary>
/// Handles a service's inbox: always the oldest waiting message of an order key, in one transaction with the mark that it was handled. A
/// message that fails waits for its next try and holds back those of its key, nobody else. On PostgreSQL several lanes and replicas share
/// the work by row locks.
/// </summary>
internal sealed partial class InboxRunner<TContext>(
    IDbContextFactory<TContext> databases,
    CloudDatabase<TContext> database,
    ServiceRegistration<TContext> service,
    IServiceScopeFactory scopes,
    IOptions<MessagingOptions> options,
    TimeProvider time,
    ILogger<InboxRunner<TContext>> log) : BackgroundService
    where TContext : DbContext
{
    private const int ErrorLengthMax = 4000;

    private const string Savepoint = "handler";

    private static readonly TimeSpan FaultPause = TimeSpan.FromSeconds(1);

    private readonly string _next =
        $"""
        SELECT m.* FROM "inbox" AS m
        WHERE m."State" = {(int)InboxState.Waiting} AND m."NotBefore" <= @now AND NOT EXISTS (
            SELECT 1 FROM "inbox" AS e
            WHERE e."OrderKey" = m."OrderKey" AND e."State" = {(int)InboxState.Waiting} AND e."Position" < m."Position")
        ORDER BY m."Position" LIMIT 1 {(database.IsPostgres ? "FOR UPDATE OF m SKIP LOCKED" : "")}
        """;

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // SQLite has one writer: a second lane would only wait for the first.
        var lanes = database.IsPostgres ? options.Value.HandlersAtOnce : 1;
        return service.Handlers.Count == 0
            ? Task.CompletedTask
            : Task.WhenAll(Enumerable.Range(0, lanes).Select(lane => RunLaneAsync(lane == 0, lanes > 1, stoppingToken)));
    }

    /// <param name="polls">This lane looks again although nothing woke it.</param>
    /// <param name="hasOthers">A lane that found something wakes the next one to look too.</param>
    private async Task RunLaneAsync(bool polls, bool hasOthers, CancellationToken ct)
    {
        await Task.Yield();
        var poll = database.IsPostgres ? options.Value.Poll : options.Value.PollAlone;
        while (!ct.IsCancellationRequested)
        {
            try
            {
                while (await HandleNextAsync(hasOthers, ct))
                {
                }

                var wait = await UntilNextAsync(ct) ?? (polls ? poll : Timeout.InfiniteTimeSpan);
                await service.InboxSignal.WaitAsync(wait > poll ? poll : wait, ct);
            }
            catch (Exception fault) when (!ct.IsCancellationRequested)
            {
                LogFault(log, fault, service.Name);
                await Task.Delay(FaultPause, time, ct);
            }
        }
    }

    /// <summary>False when no message is due.</summary>
    private async Task<bool> HandleNextAsync(bool hasOthers, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (!database.IsPostgres && await ReadNextAsync(db, ct) is null)
        {
            // A transaction would take the only writer's turn just to look.
            return false;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await ReadNextAsync(db, ct) is not { } message)
        {
            return false;
        }

        if (hasOthers)
        {
            service.InboxSignal.Set();
        }

        await transaction.CreateSavepointAsync(Savepoint, ct);
        try
        {
            await HandleAsync(db, message, ct);
        }
        catch (Exception fault) when (!ct.IsCancellationRequested)
        {
            await TakeNoteAsync(db, transaction, message, fault, ct);
        }

        await transaction.CommitAsync(ct);
        return true;
    }

    private async Task HandleAsync(TContext db, InboxMessage message, CancellationToken ct)
    {
        using var trace = MessagingTrace.Continue($"handle {message.Name}", message.TraceParent);
        await using var scope = scopes.CreateAsyncScope();
        foreach (var handler in service.Handlers.GetValueOrDefault(message.Name, []))
        {
            await handler.HandleAsync(scope.ServiceProvider, message.Body, db, ct);
        }

        message.State = InboxState.Handled;
        message.Body = "";
        message.EndedAt = time.GetUtcNow();
        await db.SaveChangesAsync(ct);
    }

    /// <summary>Undoes what the handler did and writes down the failure, still holding the message.</summary>
    private async Task TakeNoteAsync(
        TContext db, IDbContextTransaction transaction, InboxMessage message, Exception fault, CancellationToken ct)
    {
        await transaction.RollbackToSavepointAsync(Savepoint, ct);
        db.ChangeTracker.Clear();
        var now = time.GetUtcNow();
        var delays = options.Value.RetryDelays;
        var refused = fault is CloudException { Kind: not (ErrorKind.Unavailable or ErrorKind.Throttled) };
        var dies = refused || message.Attempts >= delays.Count;
        var notBefore = dies ? now : now + delays[message.Attempts];
        var error = fault.ToString();
        error = error.Length > ErrorLengthMax ? error[..ErrorLengthMax] : error;
        await db.Set<InboxMessage>().Where(row => row.Position == message.Position).ExecuteUpdateAsync(
            row => row
                .SetProperty(one => one.Attempts, message.Attempts + 1)
                .SetProperty(one => one.NotBefore, notBefore)
                .SetProperty(one => one.Error, error)
                .SetProperty(one => one.State, dies ? InboxState.Dead : InboxState.Waiting)
                .SetProperty(one => one.EndedAt, dies ? now : null),
            ct);
        if (dies)
        {
            LogDead(log, fault, message.Name, message.MessageId, message.OrderKey, service.Name, message.Attempts + 1);
        }
        else
        {
            LogRetry(log, fault, message.Name, message.MessageId, service.Name, message.Attempts + 1);
        }
    }

    private async Task<InboxMessage?> ReadNextAsync(TContext db, CancellationToken ct)
    {
        // Not composed upon: the lock clause must stand at the statement's end.
        var found = await db.Set<InboxMessage>().FromSqlRaw(_next, Parameter(db, time.GetUtcNow().UtcTicks)).ToListAsync(ct);
        return found.Count == 0 ? null : found[0];
    }

    private static DbParameter Parameter(TContext db, long now)
    {
        using var command = db.Database.GetDbConnection().CreateCommand();
        var parameter = command.CreateParameter();
        parameter.ParameterName = "@now";
        parameter.Value = now;
        return parameter;
    }

    /// <summary>The time until the next try of a message that failed; null when none waits.</summary>
    private async Task<TimeSpan?> UntilNextAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var next = await db.Set<InboxMessage>().Where(message => message.State == InboxState.Waiting && message.Attempts > 0)
            .MinAsync(message => (DateTimeOffset?)message.NotBefore, ct);
        return next - time.GetUtcNow();
    }

    [LoggerMessage(EventId = 203, Level = LogLevel.Error,
        Message = "Dead letter: {Name} {MessageId} for {OrderKey} cannot be handled by {Service} after {Attempts} tries")]
    private static partial void LogDead(
        ILogger log, Exception exception, string name, string messageId, string orderKey, string service, int attempts);

    [LoggerMessage(
        EventId = 204, Level = LogLevel.Warning,
        Message = "{Service} could not handle {Name} {MessageId} at try {Attempts}; it tries again")]
    private static partial void LogRetry(ILogger log, Exception exception, string name, string messageId, string service, int attempts);

    [LoggerMessage(EventId = 205, Level = LogLevel.Warning, Message = "The inbox of {Service} waits for its database")]
    private static partial void LogFault(ILogger log, Exception exception, string service);
}
