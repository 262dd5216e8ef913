using System.Numerics;

namespace Cloud.Vmm.RiscV.Devices.Virtio;

/// <summary>
/// Processes a device's queues one after the other: on a thread of its own while harts run on, or inline on the thread that asks.
/// </summary>
internal sealed class VirtioWorker : IDisposable
{
    private readonly Action<int> _process;
    private readonly bool _inline;

    // Held while the device processes or is reset.
    private readonly Lock _turn = new();
    private readonly object _asked = new();
    private readonly Thread? _thread;
    private ulong _queues;
    private volatile bool _disposed;
    private volatile bool _paused;

    internal VirtioWorker(Action<int> process, bool inline)
    {
        _process = process;
        _inline = inline;
        if (!inline)
        {
            _thread = new Thread(Work) { IsBackground = true, Name = "virtio" };
            _thread.Start();
        }
    }

    internal void Kick(int queue)
    {
        ulong bit = 1UL << queue;
        ulong before = Interlocked.Or(ref _queues, bit);
        if (_inline)
        {
            // A device that kicks itself while it processes is at work already: its outer turn goes on.
            if (!_turn.IsHeldByCurrentThread)
            {
                Drain();
            }
        }
        else if (before == 0)
        {
            Wake();
        }
    }

    /// <summary>When it returns nothing is processed, until <see cref="Resume"/>. Not from within processing.</summary>
    internal void Pause()
    {
        _paused = true;
        Exclude(static () => { });
    }

    internal void Resume()
    {
        _paused = false;
        if (_inline)
        {
            Drain();
        }
        else
        {
            Wake();
        }
    }

    /// <summary>Runs something while nothing is processed. Not from within processing of a worker's thread.</summary>
    internal void Exclude(Action action)
    {
        lock (_turn)
        {
            action();
        }
    }

    public void Dispose()
    {
        lock (_asked)
        {
            _disposed = true;
            Monitor.Pulse(_asked);
        }

        _thread?.Join();
    }

    private void Work()
    {
        while (true)
        {
            lock (_asked)
            {
                while ((Interlocked.Read(ref _queues) == 0 || _paused) && !_disposed)
                {
                    Monitor.Wait(_asked);
                }

                if (_disposed)
                {
                    return;
                }
            }

            Drain();
        }
    }

    private void Wake()
    {
        lock (_asked)
        {
            Monitor.Pulse(_asked);
        }
    }

    private void Drain()
    {
        for (ulong queues = Interlocked.Exchange(ref _queues, 0); queues != 0; queues = Interlocked.Exchange(ref _queues, 0))
        {
            for (; queues != 0; queues &= queues - 1)
            {
                lock (_turn)
                {
                    if (_paused)
                    {
                        Interlocked.Or(ref _queues, queues);
                        return;
                    }

                    _process(BitOperations.TrailingZeroCount(queues));
                }
            }
        }
    }
}
