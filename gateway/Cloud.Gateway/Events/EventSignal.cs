namespace Cloud.Gateway.Events;

/// <summary>Says that there may be new events; said twice before anybody looked, it is said once.</summary>
internal sealed class EventSignal : IDisposable
{
    private readonly SemaphoreSlim _said = new(0);
    private int _set;

    public void Set()
    {
        if (Interlocked.Exchange(ref _set, 1) == 0)
        {
            _said.Release();
        }
    }

    /// <summary>Waits until it is said, or the time is over.</summary>
    public async Task WaitAsync(TimeSpan limit, CancellationToken ct)
    {
        if (await _said.WaitAsync(limit, ct))
        {
            // Before whoever waits looks, so that what is said while it looks is not lost.
            Interlocked.Exchange(ref _set, 0);
        }
    }

    public void Dispose() => _said.Dispose();
}
