namespace Cloud.Messaging;

/// <summary>Wakes one waiter, or the next that comes; calls that nobody has waited for count as one.</summary>
internal sealed class WakeSignal(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<TaskCompletionSource> _waiters = new();
    private bool _isSet;

    public void Set()
    {
        lock (_lock)
        {
            if (_waiters.First is { } first)
            {
                _waiters.RemoveFirst();
                first.Value.SetResult();
            }
            else
            {
                _isSet = true;
            }
        }
    }

    /// <summary>Until somebody sets it or the time is over; true when it was set.</summary>
    /// <param name="limit"><see cref="Timeout.InfiniteTimeSpan"/> for ever.</param>
    /// <exception cref="OperationCanceledException">Stopped while it waited.</exception>
    public async Task<bool> WaitAsync(TimeSpan limit, CancellationToken ct)
    {
        LinkedListNode<TaskCompletionSource> waiter;
        lock (_lock)
        {
            if (_isSet)
            {
                _isSet = false;
                return true;
            }

            waiter = _waiters.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        limit = limit < TimeSpan.Zero && limit != Timeout.InfiniteTimeSpan ? TimeSpan.Zero : limit;
        await waiter.Value.Task.WaitAsync(limit, time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            if (waiter.List is not null)
            {
                _waiters.Remove(waiter);
            }
        }

        ct.ThrowIfCancellationRequested();
        return waiter.Value.Task.IsCompleted;
    }
}
