using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>
/// Tells when processes end, at once and for children and others alike: one thread polls the pidfds of all of them,
/// and an eventfd that says that the list has changed.
/// </summary>
internal sealed class ProcessExits : IDisposable
{
    private const int EventFdNonBlocking = 0x800;

    private readonly Lock _lock = new();
    private readonly List<Watched> _watched = [];
    private readonly SafeFileHandle _changed;
    private bool _closed;

    public ProcessExits()
    {
        _changed = new SafeFileHandle(LibC.EventDescriptor(0, LibC.OpenCloseOnExec | EventFdNonBlocking), ownsHandle: true);
        new Thread(Run) { IsBackground = true, Name = "process exits" }.Start();
    }

    /// <summary>Ends with the process, which is then reaped. The handle stays the caller's and must outlive the task.</summary>
    public Task<ProcessExit> WaitAsync(ProcessHandle process)
    {
        var watched = new Watched(process);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            _watched.Add(watched);
        }

        Wake();
        return watched.Exit.Task;
    }

    /// <summary>
    /// Nobody waits any more. The process is reaped all the same when it ends, and the handle closed, which is not the caller's from here
    /// on.
    /// </summary>
    public void Release(ProcessHandle process)
    {
        lock (_lock)
        {
            if (_watched.Find(watched => watched.Process == process) is { } watched)
            {
                watched.Released = true;
                return;
            }
        }

        process.Dispose();
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
        }

        Wake();
    }

    private unsafe void Wake()
    {
        var one = 1UL;
        _ = LibC.Write(_changed, &one, sizeof(ulong));
    }

    private unsafe void Run()
    {
        while (true)
        {
            Watched[] watched;
            lock (_lock)
            {
                if (_closed)
                {
                    _changed.Dispose();
                    return;
                }

                watched = _watched.ToArray();
            }

            var polled = new LibC.PollDescriptor[watched.Length + 1];
            polled[0] = new LibC.PollDescriptor { Descriptor = (int)_changed.DangerousGetHandle(), Events = LibC.PollIn };
            for (var i = 0; i < watched.Length; i++)
            {
                polled[i + 1] = new LibC.PollDescriptor { Descriptor = watched[i].Descriptor, Events = LibC.PollIn };
            }

            fixed (LibC.PollDescriptor* first = polled)
            {
                if (LibC.Poll(first, (ulong)polled.Length, -1) < 0 && Marshal.GetLastPInvokeError() != LibC.ErrorInterrupted)
                {
                    throw new InvalidOperationException($"poll: {Descriptor.LastError()}");
                }
            }

            if (polled[0].Returned != 0)
            {
                ulong count;
                _ = LibC.Read(_changed, &count, sizeof(ulong));
            }

            for (var i = 0; i < watched.Length; i++)
            {
                if (polled[i + 1].Returned != 0)
                {
                    End(watched[i]);
                }
            }
        }
    }

    private void End(Watched watched)
    {
        lock (_lock)
        {
            if (!_watched.Remove(watched))
            {
                return;
            }

            watched.Exit.TrySetResult(watched.Process.Reap());
            if (watched.Released)
            {
                watched.Process.Dispose();
            }
        }
    }

    private sealed record Watched(ProcessHandle Process)
    {
        public int Descriptor { get; } = (int)Process.Descriptor.DangerousGetHandle();

        public bool Released { get; set; }

        public TaskCompletionSource<ProcessExit> Exit { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
