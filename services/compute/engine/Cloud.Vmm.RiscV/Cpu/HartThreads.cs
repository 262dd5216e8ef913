namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>Runs each hart on a thread of its own. One that waits for an interrupt blocks its thread.</summary>
internal sealed class HartThreads : IHartScheduler
{
    private const int StepsPerTurn = 1 << 20;

    private readonly object _lock = new();
    private readonly HostClock _clock;
    private readonly Hart[] _harts;
    private readonly Thread[] _threads;
    private volatile bool _running;
    private volatile bool _disposed;
    private int _active;

    internal HartThreads(Hart[] harts, HostClock clock)
    {
        _harts = harts;
        _clock = clock;
        _clock.SetStopped(true);
        _threads = [.. harts.Select(hart => new Thread(() => RunHart(hart)) { IsBackground = true, Name = $"hart{hart.Id}" })];
        Array.ForEach(_threads, thread => thread.Start());
    }

    public void Start()
    {
        lock (_lock)
        {
            _clock.SetStopped(false);
            _running = true;
            Monitor.PulseAll(_lock);
        }
    }

    public void RequestStop()
    {
        _running = false;
        Array.ForEach(_harts, hart => hart.Attend());
    }

    public void Stop()
    {
        RequestStop();
        lock (_lock)
        {
            while (_active > 0)
            {
                Monitor.Wait(_lock);
            }

            _clock.SetStopped(true);
        }
    }

    public void Dispose()
    {
        Stop();
        lock (_lock)
        {
            _disposed = true;
            Monitor.PulseAll(_lock);
        }

        Array.ForEach(_threads, thread => thread.Join());
    }

    private void RunHart(Hart hart)
    {
        while (AwaitStart())
        {
            hart.SetParked(false);
            while (_running)
            {
                hart.Run(StepsPerTurn);
                if (hart.Waiting && _running)
                {
                    _clock.Wait(hart, hart.Csrs.NextTimer);
                    hart.InterruptsChanged();
                }
            }

            hart.SetParked(true);
            lock (_lock)
            {
                _active--;
                Monitor.PulseAll(_lock);
            }
        }
    }

    /// <summary>Waits until the harts shall run; false at the end.</summary>
    private bool AwaitStart()
    {
        lock (_lock)
        {
            while (!_running && !_disposed)
            {
                Monitor.Wait(_lock);
            }

            if (_disposed)
            {
                return false;
            }

            _active++;
            return true;
        }
    }
}
