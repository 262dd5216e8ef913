namespace Cloud.Messaging;

/// <summary>
/// Wakes those who wait for a resource when this process has changed it: after the commit of every <see cref="ResourceEvent"/>. What
/// another replica changed is seen by looking again.
/// </summary>
public sealed class ChangeSignals(TimeProvider time)
{
    /// <summary>How often a waiter looks again although nothing woke it.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Waiters> _waiters = new(StringComparer.Ordinal);

    /// <summary>
    /// Told of every change, after its commit and before who made it goes on, on its thread: a listener does no more than set a signal.
    /// </summary>
    public event Action<string>? OnChanged;

    public void Changed(string id)
    {
        lock (_lock)
        {
            if (_waiters.TryGetValue(id, out var waiters))
            {
                waiters.Signal.TrySetResult();
                waiters.Signal = NewSignal();
            }
        }

        OnChanged?.Invoke(id);
    }

    /// <summary>Asks until the answer is not null, or the time is over; then null.</summary>
    public async Task<T?> WaitAsync<T>(string id, TimeSpan limit, Func<CancellationToken, Task<T?>> ask, CancellationToken ct)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(ask);
        var start = time.GetTimestamp();
        Enter(id);
        try
        {
            while (true)
            {
                // The signal is taken before the question, so that a change between the two is not missed.
                var changed = SignalOf(id);
                if (await ask(ct) is { } answer)
                {
                    return answer;
                }

                var left = limit - time.GetElapsedTime(start);
                if (left <= TimeSpan.Zero)
                {
                    return null;
                }

                await changed.WaitAsync(left < LookAgain ? left : LookAgain, time, ct)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                ct.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            Leave(id);
        }
    }

    private void Enter(string id)
    {
        lock (_lock)
        {
            if (!_waiters.TryGetValue(id, out var waiters))
            {
                _waiters[id] = waiters = new Waiters();
            }

            waiters.Count++;
        }
    }

    private Task SignalOf(string id)
    {
        lock (_lock)
        {
            return _waiters[id].Signal.Task;
        }
    }

    private void Leave(string id)
    {
        lock (_lock)
        {
            if (--_waiters[id].Count == 0)
            {
                _waiters.Remove(id);
            }
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Waiters
    {
        public int Count { get; set; }

        public TaskCompletionSource Signal { get; set; } = NewSignal();
    }
}
