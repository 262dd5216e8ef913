using System.Collections.Concurrent;
using Cloud.Switch.Nat;
using Cloud.Switch.Native;
using Cloud.Switch.Ports;
using Cloud.Switch.Trunks;

namespace Cloud.Switch;

/// <summary>
/// The one thread that moves frames and owns ports and libslirp. A round: wait for any descriptor or timer, read each port's frames
/// (so many at a time, so that a flooding guest delays the others by that many), let libslirp move its data, send what waited for room.
/// </summary>
internal sealed unsafe class SwitchLoop : IDisposable
{
    private const int FramesPerRound = 64;

    /// <summary>Longer than any frame that is taken, so that one too long is seen as such.</summary>
    private const int BufferLength = 2048;

    private readonly PollSet _poll;
    private readonly PortTable _ports;
    private readonly Trunk _trunk;
    private readonly Action<string> _forget;
    private readonly TimeProvider _time;
    private readonly RouteGuard _guard = new();
    private readonly Forwarder _forwarder;
    private readonly ConcurrentQueue<Action> _commands = [];
    private readonly int _wake = Libc.Require(Libc.EventFd(0, Libc.EventNonblock | Libc.EventCloexec), "eventfd");
    private readonly List<(Port Port, int Receives)> _round = [];
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(BufferLength, pinned: true);
    private long _announcedAt;
    private bool _stopping;

    /// <param name="forget">Called with the id of a port that is no more though nobody has said so.</param>
    public SwitchLoop(PollSet poll, PortTable ports, Trunk trunk, Action<string> forget, TimeProvider time)
    {
        _poll = poll;
        _ports = ports;
        _trunk = trunk;
        _forget = forget;
        _time = time;
        _forwarder = new Forwarder(_guard);
    }

    private long Now => _time.GetTimestamp() / (_time.TimestampFrequency / 1000);

    /// <summary>Runs an action between two rounds; its exception is the task's.</summary>
    public Task<T> InvokeAsync<T>(Func<PortTable, T> action)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _commands.Enqueue(() =>
        {
            try
            {
                done.SetResult(action(_ports));
            }
            catch (Exception failure)
                when (failure is Client.SwitchException or IOException or InvalidOperationException or UnauthorizedAccessException)
            {
                done.SetException(failure);
            }
        });
        var one = 1ul;
        _ = Libc.Write(_wake, &one, sizeof(ulong));
        return done.Task;
    }

    public Task StopAsync() => InvokeAsync(_ => _stopping = true);

    public void Run()
    {
        while (!_stopping)
        {
            _poll.Clear();
            _round.Clear();
            var wake = _poll.Add(_wake, Libc.PollIn);
            var changes = _poll.Add(_guard.Changes, Libc.PollIn);
            var trunk = _poll.Add(_trunk.Receiver, Libc.PollIn);
            var now = Now;
            var limit = _trunk.Peers.Count == 0 ? uint.MaxValue : (uint)Trunk.AnnounceMilliseconds;
            foreach (var peer in _trunk.Peers)
            {
                if (peer.Waits)
                {
                    _poll.Add(peer.Descriptor, Libc.PollOut);
                }
            }

            foreach (var port in _ports.Ports)
            {
                _round.Add((port, _poll.Add(port.Sockets.Receiver, Libc.PollIn)));
                if (port.Waits && port.Sockets.Connected)
                {
                    _poll.Add(port.Sockets.Sender, Libc.PollOut);
                }

                port.Uplink.Prepare(ref limit, now);
            }

            _poll.Wait(limit > int.MaxValue ? -1 : (int)limit);
            now = Now;
            if (_poll.Occurred(changes) != 0)
            {
                _guard.Forget();
            }

            if (_poll.Occurred(trunk) != 0 && _trunk.Receive(_ports, _forwarder, now))
            {
                _ports.Refresh();
            }

            foreach (var (port, receives) in _round)
            {
                if (_poll.Occurred(receives) != 0)
                {
                    Read(port, now);
                }
            }

            foreach (var (port, _) in _round)
            {
                port.Uplink.Dispatch(now);
                port.Flush(now);
            }

            foreach (var peer in _trunk.Peers)
            {
                peer.Flush(now);
            }

            if (_trunk.Peers.Count > 0 && now - _announcedAt >= Trunk.AnnounceMilliseconds)
            {
                _announcedAt = now;
                LookAround(now);
            }

            if (_poll.Occurred(wake) != 0)
            {
                RunCommands();
            }
        }

        _trunk.SayGoodbye();
    }

    public void Dispose()
    {
        _guard.Dispose();
        _ = Libc.Close(_wake);
    }

    /// <summary>Once a second: who is there, and what became of guests that went.</summary>
    private void LookAround(long now)
    {
        if (_trunk.Expire(now) || _ports.Ports.Any(port => port.Home is null && port.Open.Count < port.Spec.Published.Count))
        {
            _ports.Refresh();
        }

        foreach (var lost in _ports.TakeLost(now))
        {
            SwitchLog.Forgotten(lost);
            _forget(lost);
        }

        _trunk.AnnounceAgain();
    }

    private void Read(Port port, long now)
    {
        // A guest that sends is there: what is for it finds it without a first attempt that fails.
        port.Sockets.TryConnect(now, atOnce: true);
        for (var count = 0; count < FramesPerRound; count++)
        {
            var length = port.Sockets.Receive(_buffer);
            if (length == 0)
            {
                return;
            }

            _forwarder.Forward(port, _buffer.AsSpan(0, Math.Min(length, BufferLength)), now);
        }
    }

    private void RunCommands()
    {
        var count = 0ul;
        _ = Libc.Read(_wake, &count, sizeof(ulong));
        while (_commands.TryDequeue(out var command))
        {
            command();
        }
    }
}
