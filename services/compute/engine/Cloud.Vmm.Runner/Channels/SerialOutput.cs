namespace Cloud.Vmm.Runner.Channels;

/// <summary>
/// Gathers what the guest prints byte by byte, and hands it on by pieces on a thread of its own: to the log, and to the channel.
/// </summary>
internal sealed class SerialOutput : IDisposable
{
    // Past this the guest waits until some has been handed on.
    private const int WaitingMax = 1 << 20;

    private readonly object _lock = new();
    private readonly IReadOnlyList<IChannel> _targets;
    private readonly Thread _thread;
    private List<byte> _waiting = [];
    private List<byte> _handing = [];
    private bool _disposed;

    internal SerialOutput(IReadOnlyList<IChannel> targets)
    {
        _targets = targets;
        _thread = new Thread(HandOn) { IsBackground = true, Name = "serial" };
        _thread.Start();
    }

    internal void Add(byte value)
    {
        lock (_lock)
        {
            while (_waiting.Count >= WaitingMax && !_disposed)
            {
                Monitor.Wait(_lock);
            }

            _waiting.Add(value);
            if (_waiting.Count == 1)
            {
                Monitor.PulseAll(_lock);
            }
        }
    }

    /// <summary>Hands on what is left.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            Monitor.PulseAll(_lock);
        }

        _thread.Join();
    }

    private void HandOn()
    {
        while (true)
        {
            lock (_lock)
            {
                while (_waiting.Count == 0 && !_disposed)
                {
                    Monitor.Wait(_lock);
                }

                if (_waiting.Count == 0)
                {
                    return;
                }

                (_waiting, _handing) = (_handing, _waiting);
                Monitor.PulseAll(_lock);
            }

            ReadOnlySpan<byte> bytes = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_handing);
            foreach (IChannel target in _targets)
            {
                target.Write(bytes);
            }

            _handing.Clear();
        }
    }
}
