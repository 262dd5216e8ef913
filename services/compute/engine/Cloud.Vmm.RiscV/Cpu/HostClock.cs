using System.Diagnostics;

namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>mtime by the host's monotonic clock; it stands still while the machine does. A hart that waits blocks its thread.</summary>
internal sealed class HostClock : IClock
{
    private static readonly double TicksPerCount = (double)IClock.TicksPerSecond / Stopwatch.Frequency;

    // A wait ends at the latest after this, so that a clock that was set, or a wake-up by another way, is seen.
    private static readonly TimeSpan WaitMost = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private long _origin = Stopwatch.GetTimestamp();
    private ulong _base;
    private bool _stopped;

    public ulong TicksOf(Hart hart) => Now;

    internal ulong Now => Volatile.Read(ref _stopped)
        ? Volatile.Read(ref _base)
        : Volatile.Read(ref _base) + (ulong)((Stopwatch.GetTimestamp() - Volatile.Read(ref _origin)) * TicksPerCount);

    public void Wait(Hart hart, ulong until)
    {
        ulong now = Now;
        if (until > now)
        {
            double seconds = Math.Min((until - now) / (double)IClock.TicksPerSecond, WaitMost.TotalSeconds);
            hart.Sleep(TimeSpan.FromSeconds(seconds));
        }
    }

    public void Set(Hart hart, ulong ticks)
    {
        lock (_lock)
        {
            _base = ticks;
            _origin = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Stops or goes on with time; no hart runs meanwhile.</summary>
    internal void SetStopped(bool stopped)
    {
        lock (_lock)
        {
            ulong now = Now;
            _origin = Stopwatch.GetTimestamp();
            _base = now;
            _stopped = stopped;
        }
    }
}
