using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Cloud.Messaging;

/// <summary>
/// Carries one saga on from where it stands. Before a step is tried, that it is tried is saved, together with the end of the one before.
/// <code>
///  running ─▶ done
///     │ refused, or over its limit
///     ▼
///  undoing ─▶ failing ─▶ failed          any of them ─▶ superseded, between two steps, when a later saga of the key was started
/// </code>
/// </summary>
internal sealed partial class SagaExecutor<TContext>(
    IDbContextFactory<TContext> databases,
    IServiceScopeFactory scopes,
    IOptions<MessagingOptions> options,
    TimeProvider time,
    ILogger<SagaExecutor<TContext>> log) : IDisposable
    where TContext : DbContext
{
    /// <summary>The time that a step has at least after another process took the saga up, however long nobody worked at it.</summary>
    private static readonly TimeSpan ResumeGrace = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan[] Pauses =
    [
        TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(250), TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(1),
        TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5),
    ];

    private readonly SemaphoreSlim _turns = new(options.Value.StepsAtOnce);

    public void Dispose() => _turns.Dispose();

    /// <summary>Until the saga has ended.</summary>
    /// <param name="signal">Cuts a pause short.</param>
    /// <exception cref="DbUpdateConcurrencyException">Another replica has taken it over.</exception>
    public async Task ExecuteAsync(SagaRun run, SagaDefinition definition, WakeSignal signal, CancellationToken ct)
    {
        var takenAt = time.GetUtcNow();
        while (run.IsUnderWay)
        {
            if (await IsSupersededAsync(run, ct))
            {
                await EndAsync(run, SagaState.Superseded, ct);
                LogSuperseded(log, run.Saga, run.Id, run.Key);
                return;
            }

            var pause = await AdvanceAsync(run, definition, takenAt, ct);
            if (pause > TimeSpan.Zero)
            {
                await signal.WaitAsync(pause, ct);
            }
        }
    }

    /// <summary>One try of what is next; the answer is the pause before the next one.</summary>
    private async Task<TimeSpan> AdvanceAsync(SagaRun run, SagaDefinition definition, DateTimeOffset takenAt, CancellationToken ct)
    {
        await _turns.WaitAsync(ct);
        try
        {
            using var trace = MessagingTrace.Continue($"saga {run.Saga}", run.TraceParent);
            await using var scope = scopes.CreateAsyncScope();
            var work = definition.Open(scope.ServiceProvider, run.Data);
            SagaSteps.Align(run, work);
            return run.State switch
            {
                SagaState.Running => await DoAsync(run, work, takenAt, ct),
                SagaState.Undoing => await UndoAsync(run, work, takenAt, ct),
                _ => await FailAsync(run, work, ct),
            };
        }
        finally
        {
            _turns.Release();
        }
    }

    private async Task<TimeSpan> DoAsync(SagaRun run, SagaWork work, DateTimeOffset takenAt, CancellationToken ct)
    {
        if (run.Step == work.Steps.Count)
        {
            await EndAsync(run, SagaState.Done, ct);
            LogDone(log, run.Saga, run.Id, run.Key);
            return TimeSpan.Zero;
        }

        var step = work.Steps[run.Step];
        var now = time.GetUtcNow();
        var isNew = run.Steps[run.Step] is { State: not SagaStepState.Running } or { LastError: not null } || !run.IsWarm;
        if (isNew)
        {
            run.IsWarm = true;
            SagaSteps.Set(run, one => one with
            {
                State = SagaStepState.Running,
                Attempts = one.Attempts + 1,
                StartedAt = one.StartedAt ?? now,
            });
        }

        if (isNew && !step.IsBrief)
        {
            await SaveAsync(run, ct);
        }

        var deadline = DeadlineOf(run.Steps[run.Step].StartedAt!.Value, step.Limit, takenAt);
        var outcome = await TryAsync(step.DoAsync, deadline, ct);
        if (outcome.Fault is null && outcome.Result.Delay is null)
        {
            SagaSteps.Set(run, one => one with { State = SagaStepState.Done, EndedAt = time.GetUtcNow() });
            run.Step++;
            run.IsWarm = false;
            return TimeSpan.Zero;
        }

        if (isNew && step.IsBrief)
        {
            await SaveAsync(run, ct);
        }

        if (outcome.IsRefused || time.GetUtcNow() >= deadline)
        {
            run.Reason = ReasonOf(step, outcome);
            var error = outcome.Fault?.ToString() ?? run.Reason;
            SagaSteps.Set(run, one => one with { State = SagaStepState.Failed, LastError = error, EndedAt = time.GetUtcNow() });
            run.State = SagaState.Undoing;
            run.IsWarm = false;
            LogUndoes(log, outcome.Fault, run.Saga, run.Id, run.Key, step.Name, run.Reason);
            return TimeSpan.Zero;
        }

        if (outcome.Fault is not null)
        {
            run.IsWarm = false;
            SagaSteps.Set(run, one => one with { LastError = outcome.Fault.ToString() });
            LogRetries(log, outcome.Fault, run.Saga, run.Id, run.Key, step.Name, run.Steps[run.Step].Attempts);
        }

        return PauseOf(outcome, run.Steps[run.Step].Attempts, deadline);
    }

    private async Task<TimeSpan> UndoAsync(SagaRun run, SagaWork work, DateTimeOffset takenAt, CancellationToken ct)
    {
        while (run.Step >= 0 && (!work.Steps[run.Step].HasUndo || run.Steps[run.Step].State is SagaStepState.Pending))
        {
            run.Step--;
        }

        if (run.Step < 0)
        {
            run.State = SagaState.Failing;
            run.Step = 0;
            run.IsWarm = false;
            return TimeSpan.Zero;
        }

        var step = work.Steps[run.Step];
        if (!run.IsWarm)
        {
            run.IsWarm = true;
            var now = time.GetUtcNow();
            SagaSteps.Set(run, one => one with
            {
                State = SagaStepState.Undoing,
                UndoAttempts = one.UndoAttempts + 1,
                UndoStartedAt = one.UndoStartedAt ?? now,
            });
            await SaveAsync(run, ct);
        }

        var deadline = DeadlineOf(run.Steps[run.Step].UndoStartedAt!.Value, step.Limit, takenAt);
        var outcome = await TryAsync(step.UndoAsync, deadline, ct);
        var isUndone = outcome.Fault is null && outcome.Result.Delay is null;
        if (isUndone || outcome.IsRefused || time.GetUtcNow() >= deadline)
        {
            if (!isUndone)
            {
                LogUndoFailed(log, outcome.Fault, run.Saga, run.Id, run.Key, step.Name);
            }

            SagaSteps.Set(run, one => one with
            {
                State = isUndone ? SagaStepState.Undone : SagaStepState.UndoFailed,
                LastError = isUndone ? one.LastError : outcome.Fault?.ToString() ?? ReasonOf(step, outcome),
                UndoEndedAt = time.GetUtcNow(),
            });
            run.Step--;
            run.IsWarm = false;
            return await UndoRestAsync(run, ct);
        }

        if (outcome.Fault is not null)
        {
            run.IsWarm = false;
            LogRetries(log, outcome.Fault, run.Saga, run.Id, run.Key, step.Name, run.Steps[run.Step].UndoAttempts);
        }

        return PauseOf(outcome, run.Steps[run.Step].UndoAttempts, deadline);
    }

    /// <summary>The first step is undone: what is left is to say so.</summary>
    private async Task<TimeSpan> UndoRestAsync(SagaRun run, CancellationToken ct)
    {
        if (run.Step < 0)
        {
            run.Step = 0;
            run.State = SagaState.Failing;
            await SaveAsync(run, ct);
        }

        return TimeSpan.Zero;
    }

    private async Task<TimeSpan> FailAsync(SagaRun run, SagaWork work, CancellationToken ct)
    {
        var outcome = await TryAsync(
            async token =>
            {
                await work.FailedAsync(run.Reason ?? "", token);
                return StepResult.Done;
            },
            time.GetUtcNow() + SagaStep<object>.LimitDefault,
            ct);
        if (outcome.Fault is not null && !outcome.IsRefused)
        {
            LogRetries(log, outcome.Fault, run.Saga, run.Id, run.Key, "failed", 1);
            return Pauses[^1];
        }

        if (outcome.Fault is not null)
        {
            LogUndoFailed(log, outcome.Fault, run.Saga, run.Id, run.Key, "failed");
        }

        await EndAsync(run, SagaState.Failed, ct);
        return TimeSpan.Zero;
    }

    private async Task<SagaOutcome> TryAsync(Func<CancellationToken, Task<StepResult>> act, DateTimeOffset deadline, CancellationToken ct)
    {
        var left = deadline - time.GetUtcNow();
        using var limit = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            return new SagaOutcome(await act(stop.Token), null);
        }
        catch (Exception fault) when (!ct.IsCancellationRequested)
        {
            return new SagaOutcome(default, fault);
        }
    }

    private static DateTimeOffset DeadlineOf(DateTimeOffset startedAt, TimeSpan limit, DateTimeOffset takenAt)
    {
        var resumed = takenAt + (limit < ResumeGrace ? limit : ResumeGrace);
        var planned = startedAt + limit;
        return planned > resumed ? planned : resumed;
    }

    private TimeSpan PauseOf(SagaOutcome outcome, int attempts, DateTimeOffset deadline)
    {
        var pause = outcome.Result.Delay ?? (outcome.Fault as CloudException)?.RetryAfter
            ?? Pauses[Math.Clamp(attempts - 1, 0, Pauses.Length - 1)];
        var left = deadline - time.GetUtcNow();
        return pause < left ? pause : left;
    }

    private static string ReasonOf(SagaWorkStep step, SagaOutcome outcome) =>
        outcome.Fault is CloudException said ? said.Message : $"The step '{step.Name}' was not done within {step.Limit.TotalSeconds:0} s.";

    private async Task<bool> IsSupersededAsync(SagaRun run, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Set<SagaRun>().AnyAsync(other => other.Key == run.Key && other.Position > run.Position, ct);
    }

    private async Task EndAsync(SagaRun run, SagaState state, CancellationToken ct)
    {
        run.State = state;
        run.EndedAt = time.GetUtcNow();
        await SaveAsync(run, ct);
    }

    /// <summary>Saves where the run stands, as long as it is this process's: the owner is the row's concurrency token.</summary>
    private async Task SaveAsync(SagaRun run, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        db.Update(run).Property(row => row.LeaseEndsAt).IsModified = false;
        await db.SaveChangesAsync(ct);
    }

    [LoggerMessage(EventId = 212, Level = LogLevel.Information, Message = "{Saga} {Id} on {Key} is done")]
    private static partial void LogDone(ILogger log, string saga, string id, string key);

    [LoggerMessage(EventId = 213, Level = LogLevel.Information, Message = "{Saga} {Id} on {Key} is superseded by a later one")]
    private static partial void LogSuperseded(ILogger log, string saga, string id, string key);

    [LoggerMessage(
        EventId = 214, Level = LogLevel.Warning, Message = "{Saga} {Id} on {Key}: {Step} failed at try {Attempts}; it tries again")]
    private static partial void LogRetries(ILogger log, Exception exception, string saga, string id, string key, string step, int attempts);

    [LoggerMessage(
        EventId = 215, Level = LogLevel.Warning, Message = "{Saga} {Id} on {Key} is undone, as {Step} did not succeed: {Reason}")]
    private static partial void LogUndoes(
        ILogger log, Exception? exception, string saga, string id, string key, string step, string reason);

    [LoggerMessage(
        EventId = 216, Level = LogLevel.Error, Message = "{Saga} {Id} on {Key}: {Step} could not be undone; something may be left behind")]
    private static partial void LogUndoFailed(ILogger log, Exception? exception, string saga, string id, string key, string step);
}
