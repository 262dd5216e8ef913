using System.Collections.Concurrent;

namespace Cloud.ServiceDefaults.Waiting;

/// <summary>Wakes those who wait for a resource when this process has changed it. What another replica changed is seen by looking again.</summary>
public sealed class ChangeSignals(TimeProvider time)
{
    /// <summary>How often a waiter looks again although nothing woke it.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<string, TaskCompletionSource> _waiters = new(StringComparer.Ordinal);

    public void Changed(string id)
    {
        if (_waiters.TryRemove(id, out var waiter))
        {
            waiter.TrySetResult();
        }
    }

    /// <summary>Asks until the answer is not null, or the time is over; then null.</summary>
    public async Task<T?> WaitAsync<T>(string id, TimeSpan limit, Func<CancellationToken, Task<T?>> ask, CancellationToken ct)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(ask);
        var end = time.GetUtcNow() + limit;
        while (true)
        {
            // The waiter stands before the question, so that a change between the two is not missed.
            var changed = _waiters.GetOrAdd(id, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            if (await ask(ct) is { } answer)
            {
                return answer;
            }

            var left = end - time.GetUtcNow();
            if (left <= TimeSpan.Zero)
            {
                return null;
            }

            using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
            await Task.WhenAny(changed, Task.Delay(left < LookAgain ? left : LookAgain, time, stop.Token));
            await stop.CancelAsync();
            ct.ThrowIfCancellationRequested();
        }
    }
}
