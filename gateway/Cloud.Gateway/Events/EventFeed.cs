using Cloud.Gateway.Persistence;
using Cloud.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Gateway.Events;

/// <summary>
/// The newest events, read from the database once for all streams of this process while there are any. A stream asks for what comes after
/// its own place: from here where that is recent, else a page from the database. Nothing is queued for anybody, so a slow reader holds
/// nothing but its place.
/// </summary>
internal sealed partial class EventFeed(
    IDbContextFactory<GatewayDbContext> databases,
    CloudDatabase<GatewayDbContext> database,
    EventSignal signal,
    IHostApplicationLifetime lifetime,
    ILogger<EventFeed> log) : BackgroundService
{
    /// <summary>Recent events held in memory; a stream that falls further behind reads from the database.</summary>
    private const int RecentMax = 1024;

    private const int PageMax = 256;

    /// <summary>Events that another replica recorded are seen by looking; only PostgreSQL has replicas.</summary>
    private static readonly TimeSpan LookForOthers = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly Queue<StreamedEvent> _recent = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _streams;

    /// <summary>The newest position that the streams have been told of; -1 while there are none.</summary>
    private long _last = -1;

    /// <summary>Has the events read while the result is not disposed of.</summary>
    public IDisposable Open()
    {
        lock (_lock)
        {
            _streams++;
        }

        signal.Set();
        return new Opening(this);
    }

    /// <summary>The position of the newest event, and of the oldest that is kept (one more than the newest where none is).</summary>
    public async Task<(long Newest, long Oldest)> RangeAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var newest = await EventCounter.LastAsync(db, ct);
        var oldest = await db.Events.AsNoTracking().OrderBy(row => row.Position).Select(row => (long?)row.Position).FirstOrDefaultAsync(ct);
        return (newest, oldest ?? newest + 1);
    }

    /// <summary>The next events after a position, in order, at most a page.</summary>
    public async Task<IReadOnlyList<StreamedEvent>> ReadAfterAsync(long position, CancellationToken ct)
    {
        lock (_lock)
        {
            if (_last >= 0 && position >= _last)
            {
                return [];
            }

            if (_recent.TryPeek(out var first) && first.Position <= position + 1)
            {
                // Positions have no gaps.
                return _recent.Skip((int)(position + 1 - first.Position)).Take(PageMax).ToList();
            }
        }

        return await ReadPageAsync(position, ct);
    }

    /// <summary>Ends when there is something after the position.</summary>
    public Task WaitAfterAsync(long position, CancellationToken ct)
    {
        lock (_lock)
        {
            return _last > position ? Task.CompletedTask : _changed.Task.WaitAsync(ct);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        while (!stop.IsCancellationRequested)
        {
            var watched = IsWatched();
            await signal.WaitAsync(watched && database.IsPostgres ? LookForOthers : Timeout.InfiniteTimeSpan, stop.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (IsWatched() && !stop.IsCancellationRequested)
            {
                await CatchUpAsync(stop.Token);
            }
        }
    }

    private bool IsWatched()
    {
        lock (_lock)
        {
            return _streams > 0;
        }
    }

    private async Task CatchUpAsync(CancellationToken ct)
    {
        try
        {
            var last = LastTold();
            if (last < 0)
            {
                (last, _) = await RangeAsync(ct);
                Add([], last);
            }

            for (var page = await ReadPageAsync(last, ct); page.Count > 0 && IsWatched(); page = await ReadPageAsync(last, ct))
            {
                last = page[^1].Position;
                Add(page, last);
            }
        }
        catch (Exception failed) when (!ct.IsCancellationRequested)
        {
            // The streams stay open, and go on where they are once the database is back.
            LogNotRead(log, failed);
            await Task.Delay(RetryPause, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            signal.Set();
        }
        catch (OperationCanceledException)
        {
            // The process stops, and the streams end by the same token.
        }
    }

    private long LastTold()
    {
        lock (_lock)
        {
            return _last;
        }
    }

    private async Task<IReadOnlyList<StreamedEvent>> ReadPageAsync(long position, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = await db.Events.AsNoTracking().Where(row => row.Position > position)
            .OrderBy(row => row.Position).Take(PageMax).ToListAsync(ct);
        return rows.ConvertAll(StreamedEvent.From);
    }

    private void Add(IReadOnlyList<StreamedEvent> events, long last)
    {
        lock (_lock)
        {
            if (_streams == 0)
            {
                return;
            }

            foreach (var happened in events)
            {
                _recent.Enqueue(happened);
            }

            while (_recent.Count > RecentMax)
            {
                _recent.Dequeue();
            }

            _last = last;
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private void Close()
    {
        lock (_lock)
        {
            if (--_streams == 0)
            {
                // Nobody keeps them up to date now.
                _recent.Clear();
                _last = -1;
            }
        }
    }

    [LoggerMessage(EventId = 5021, Level = LogLevel.Warning, Message = "Events cannot be read now; it is tried again")]
    private static partial void LogNotRead(ILogger log, Exception exception);

    private sealed class Opening(EventFeed feed) : IDisposable
    {
        private int _closed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _closed, 1) == 0)
            {
                feed.Close();
            }
        }
    }
}
