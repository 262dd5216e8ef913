using Cloud.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Cloud.Messaging;

/// <summary>
/// Finds sagas that are under way and nobody's, and works at them: one task for each key, alive as long as the key has a saga under way. On
/// PostgreSQL replicas share them by leases; on SQLite this process is the only one, and what a killed one left is taken up at once.
/// </summary>
internal sealed partial class SagaRunner<TContext>(
    IDbContextFactory<TContext> databases,
    CloudDatabase<TContext> database,
    ServiceRegistration<TContext> service,
    SagaExecutor<TContext> executor,
    ChangeSignals changes,
    IOptions<MessagingOptions> options,
    TimeProvider time,
    ILogger<SagaRunner<TContext>> log) : BackgroundService
    where TContext : DbContext
{
    private static readonly TimeSpan FaultPause = TimeSpan.FromSeconds(1);

    private readonly string _owner = TypedId.NewValue("run", time.GetUtcNow());
    private readonly List<string> _names = [.. service.Sagas.Keys];
    private readonly Lock _lock = new();
    private readonly Dictionary<string, KeyWork> _works = new(StringComparer.Ordinal);
    private CancellationTokenSource _term = new();
    private DateTimeOffset _leaseEndsAt;

    public override void Dispose()
    {
        _term.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_names.Count == 0)
        {
            return;
        }

        await Task.Yield();
        _leaseEndsAt = time.GetUtcNow() + options.Value.SagaLease;
        _term = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        service.SagaStarted += Start;
        changes.OnChanged += WakeIfUnderWay;
        try
        {
            await WatchAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopped: what is under way goes on in another replica, or at the next start.
        }
        finally
        {
            service.SagaStarted -= Start;
            changes.OnChanged -= WakeIfUnderWay;
            await LeaveAsync();
        }
    }

    private async Task WatchAsync(CancellationToken ct)
    {
        while (true)
        {
            try
            {
                await RenewAsync(ct);
                await TakeUpAsync(ct);
            }
            catch (Exception fault) when (!ct.IsCancellationRequested)
            {
                LogFault(log, fault, service.Name);
                EndTermIfOver(ct);
            }

            await Task.Delay(database.IsPostgres ? options.Value.Poll : options.Value.PollAlone, time, ct);
        }
    }

    /// <summary>Says that this replica is alive.</summary>
    private async Task RenewAsync(CancellationToken ct)
    {
        if (!database.IsPostgres)
        {
            return;
        }

        EndTermIfOver(ct);
        var endsAt = time.GetUtcNow() + options.Value.SagaLease;
        if (_works.Count > 0)
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            await UnderWay(db).Where(run => run.Owner == _owner)
                .ExecuteUpdateAsync(row => row.SetProperty(run => run.LeaseEndsAt, endsAt), ct);
        }

        _leaseEndsAt = endsAt;
    }

    /// <summary>Where the leases could not be renewed in time, others may work at these sagas now: stop.</summary>
    private void EndTermIfOver(CancellationToken ct)
    {
        if (database.IsPostgres && time.GetUtcNow() > _leaseEndsAt)
        {
            _term.Cancel();
            _term = CancellationTokenSource.CreateLinkedTokenSource(ct);
        }
    }

    private async Task TakeUpAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(ct);
        var keys = await UnderWay(db)
            .Where(run => _names.Contains(run.Saga))
            .GroupBy(run => run.Key)
            .Select(runs => new { Key = runs.Key, Count = runs.Count(), LeaseEndsAt = runs.Max(run => run.LeaseEndsAt) })
            .ToListAsync(ct);
        foreach (var key in keys)
        {
            if (key.Count > 1)
            {
                Start(key.Key);
            }
            else if (!database.IsPostgres || key.LeaseEndsAt <= now)
            {
                StartIfMissing(key.Key);
            }
        }
    }

    private void Start(string key) => Wake(key, starts: true, wakes: true);

    private void StartIfMissing(string key) => Wake(key, starts: true, wakes: false);

    private void WakeIfUnderWay(string key) => Wake(key, starts: false, wakes: true);

    private void Wake(string key, bool starts, bool wakes)
    {
        lock (_lock)
        {
            if (_works.TryGetValue(key, out var work))
            {
                if (wakes)
                {
                    work.IsNews = true;
                    work.Signal.Set();
                }
            }
            else if (starts && !_term.IsCancellationRequested)
            {
                work = new KeyWork(new WakeSignal(time));
                _works[key] = work;
                work.Task = WorkAsync(key, work, _term.Token);
            }
        }
    }

    private async Task WorkAsync(string key, KeyWork work, CancellationToken ct)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (true)
        {
            try
            {
                await AdvanceAsync(key, work, ct);
                lock (_lock)
                {
                    if (!work.IsNews)
                    {
                        _works.Remove(key);
                        return;
                    }

                    work.IsNews = false;
                }
            }
            catch (Exception fault)
            {
                if (!ct.IsCancellationRequested)
                {
                    LogWorkFault(log, fault, key, service.Name);
                    await Task.Delay(FaultPause, time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }

                if (ct.IsCancellationRequested)
                {
                    lock (_lock)
                    {
                        _works.Remove(key);
                        return;
                    }
                }
            }
        }
    }

    /// <summary>Works at the key's oldest saga until the key has none under way, or another replica has it.</summary>
    private async Task AdvanceAsync(string key, KeyWork work, CancellationToken ct)
    {
        while (true)
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            var run = await UnderWay(db).AsNoTracking().Where(one => one.Key == key).OrderBy(one => one.Position).FirstOrDefaultAsync(ct);
            if (run is null || !service.Sagas.TryGetValue(run.Saga, out var definition) || !await ClaimAsync(db, run, ct))
            {
                return;
            }

            await executor.ExecuteAsync(run, definition, work.Signal, ct);
            changes.Changed(key);
        }
    }

    private async Task<bool> ClaimAsync(TContext db, SagaRun run, CancellationToken ct)
    {
        if (!database.IsPostgres)
        {
            return true;
        }

        var now = time.GetUtcNow();
        var endsAt = now + options.Value.SagaLease;
        var claimed = await UnderWay(db)
            .Where(one => one.Position == run.Position && (one.Owner == _owner || one.LeaseEndsAt <= now))
            .ExecuteUpdateAsync(row => row.SetProperty(one => one.Owner, _owner).SetProperty(one => one.LeaseEndsAt, endsAt), ct);
        run.Owner = _owner;
        run.LeaseEndsAt = endsAt;
        return claimed > 0;
    }

    /// <summary>Waits for what is being worked at to stop, and gives it free.</summary>
    private async Task LeaveAsync()
    {
        Task[] working;
        lock (_lock)
        {
            working = [.. _works.Values.Select(work => work.Task)];
        }

        await Task.WhenAll(working);
        if (!database.IsPostgres)
        {
            return;
        }

        try
        {
            await using var db = await databases.CreateDbContextAsync(CancellationToken.None);
            await UnderWay(db).Where(run => run.Owner == _owner).ExecuteUpdateAsync(
                row => row.SetProperty(run => run.Owner, (string?)null).SetProperty(run => run.LeaseEndsAt, DateTimeOffset.MinValue));
        }
        catch (Exception fault)
        {
            // They are free anyway when the leases end.
            LogFault(log, fault, service.Name);
        }
    }

    private static IQueryable<SagaRun> UnderWay(TContext db) => db.Set<SagaRun>().Where(run => run.State < SagaState.Done);

    [LoggerMessage(EventId = 210, Level = LogLevel.Warning, Message = "The sagas of {Service} wait for its database")]
    private static partial void LogFault(ILogger log, Exception exception, string service);

    [LoggerMessage(EventId = 211, Level = LogLevel.Warning, Message = "The saga on {Key} of {Service} was interrupted; it goes on")]
    private static partial void LogWorkFault(ILogger log, Exception exception, string key, string service);

    /// <summary>The task that works at a key's sagas.</summary>
    private sealed class KeyWork(WakeSignal signal)
    {
        public WakeSignal Signal => signal;

        /// <summary>Something happened to the key that the task may not have seen.</summary>
        public bool IsNews { get; set; }

        public Task Task { get; set; } = Task.CompletedTask;
    }
}
