namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>
/// The deterministic scheduler, and its clock: every hart in turn on one thread for a fixed count of instructions, and ten instructions a
/// tick
/// (100 million a second). Where all harts wait, time goes on to the next timer at once.
/// </summary>
internal sealed class HartRounds : IHartScheduler, IClock
{
    private const int StepsPerTurn = 1000;
    private const ulong InstructionsPerTick = 10;
    private const ulong TicksPerRound = StepsPerTurn / InstructionsPerTick;
    private static readonly TimeSpan IdleMost = TimeSpan.FromSeconds(10);

    private readonly object _lock = new();
    private Hart[] _harts = [];
    private Thread? _thread;
    private ulong _roundStart;
    private ulong[] _retiredAtStart = [];
    private volatile bool _running;
    private volatile bool _disposed;
    private bool _active;

    /// <summary>Gives the scheduler its harts, which need it as their clock before.</summary>
    internal void Attach(Hart[] harts)
    {
        _harts = harts;
        _retiredAtStart = new ulong[harts.Length];
        _thread = new Thread(RunAll) { IsBackground = true, Name = "harts" };
        _thread.Start();
    }

    public ulong TicksOf(Hart hart)
    {
        if (hart.Id >= _retiredAtStart.Length)
        {
            return _roundStart;
        }

        return _roundStart + Math.Min((hart.Retired - _retiredAtStart[hart.Id]) / InstructionsPerTick, TicksPerRound);
    }

    public void Wait(Hart hart, ulong until)
    {
        // One hart never waits by itself: the round decides.
    }

    public void Set(Hart hart, ulong ticks) => _roundStart += ticks - TicksOf(hart);

    public void Start()
    {
        lock (_lock)
        {
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
            while (_active)
            {
                Monitor.Wait(_lock);
            }
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

        _thread?.Join();
    }

    private void RunAll()
    {
        while (true)
        {
            lock (_lock)
            {
                _active = false;
                Monitor.PulseAll(_lock);
                while (!_running && !_disposed)
                {
                    Monitor.Wait(_lock);
                }

                if (_disposed)
                {
                    return;
                }

                _active = true;
            }

            while (_running)
            {
                Round();
            }
        }
    }

    private void Round()
    {
        for (int i = 0; i < _harts.Length; i++)
        {
            _retiredAtStart[i] = _harts[i].Retired;
        }

        foreach (Hart hart in _harts)
        {
            hart.InterruptsChanged();
            hart.Run(StepsPerTurn);
        }

        if (_harts.All(hart => hart.Waiting))
        {
            Idle();
        }
        else
        {
            _roundStart += TicksPerRound;
        }
    }

    /// <summary>No hart has anything to do: the next timer is now, or, without one, the first device that calls.</summary>
    private void Idle()
    {
        ulong next = _harts.Min(hart => hart.Csrs.NextTimer);
        if (next != ulong.MaxValue)
        {
            _roundStart = Math.Max(_roundStart + 1, next);
            return;
        }

        _harts[0].Sleep(IdleMost);
    }
}
