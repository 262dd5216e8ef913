using System.Net.Sockets;
using Cloud.Vmm.RiscV.State;
using Cloud.Vmm.Runner.Options;
using Cloud.Vmm.Runner.Qmp;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner;

/// <summary>
/// Saves the machine to a file or to another process, and takes in what was saved: the verbs and states of QEMU's migration
/// (qapi/migration.json). One at a time, on a thread of its own.
/// </summary>
internal sealed class Migration(Supervisor supervisor, RunnerOptions options, HostDescriptors descriptors, QmpEvents events)
{
    private const string Descriptor = "fd:";

    private readonly object _lock = new();
    private string _status = "none";
    private bool _pauses;
    private bool _goesOn;
    private bool _cancelled;

    /// <summary>By QEMU's names: none, setup, active, pre-switchover, device, completed, failed, cancelling, cancelled.</summary>
    internal string Status
    {
        get
        {
            lock (_lock)
            {
                return _status;
            }
        }
    }

    /// <exception cref="OptionException">The capability is not known.</exception>
    internal void SetCapability(string name, bool state)
    {
        lock (_lock)
        {
            switch (name)
            {
                case "pause-before-switchover":
                    _pauses = state;
                    break;
                default:
                    throw new OptionException($"The capability '{name}' is not known.");
            }
        }
    }

    /// <summary>Begins to save to <c>fd:NAME</c>, a file that was given by getfd, or <c>unix:PATH</c>, where another awaits it.</summary>
    /// <exception cref="OptionException">It cannot begin.</exception>
    internal void Begin(string uri)
    {
        lock (_lock)
        {
            if (_status is "setup" or "active" or "pre-switchover" or "device" or "cancelling"
                || supervisor.State is RunState.InMigrate or RunState.Shutdown)
            {
                throw new OptionException("There's a migration process in progress, or nothing to migrate.");
            }

            (IStateTarget target, IDisposable closes) = OpenTarget(uri);
            (_goesOn, _cancelled) = (false, false);
            _status = "setup";
            new Thread(() => Save(target, closes)) { IsBackground = true, Name = "migration" }.Start();
        }
    }

    /// <summary>Goes on after the pause before the last of it.</summary>
    /// <exception cref="OptionException">It does not pause.</exception>
    internal void GoOn()
    {
        lock (_lock)
        {
            if (_status != "pre-switchover")
            {
                throw new OptionException($"Migration not in expected state: {_status}");
            }

            _goesOn = true;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Asks for an end; the guest goes on as it did.</summary>
    internal void Cancel()
    {
        lock (_lock)
        {
            _cancelled = true;
            if (_status is "setup" or "active" or "pre-switchover" or "device")
            {
                Change("cancelling");
            }

            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Takes in a state from <c>fd:N</c>, a file's number in this process, or <c>unix:PATH</c>, where it is awaited.</summary>
    /// <exception cref="OptionException">The machine awaits none, or there is no such place.</exception>
    internal void Receive(string uri)
    {
        lock (_lock)
        {
            if (supervisor.State != RunState.InMigrate || _status != "none")
            {
                throw new OptionException("The machine does not await a state.");
            }

            Func<byte[]> load = OpenSource(uri);
            _status = "active";
            new Thread(() => Load(load)) { IsBackground = true, Name = "migration" }.Start();
        }
    }

    private (IStateTarget Target, IDisposable Closes) OpenTarget(string uri)
    {
        ulong memoryBytes = supervisor.Guest.Machine.Ram.Size;
        if (uri.StartsWith(Descriptor, StringComparison.Ordinal))
        {
            SafeFileHandle file = descriptors.TakeNamed(uri[Descriptor.Length..])
                ?? throw new OptionException($"File descriptor named '{uri[Descriptor.Length..]}' has not been found");
            return (new StateFile(file, memoryBytes), file);
        }

        Socket socket = HostFiles.Connect(PathOf(uri));
        return (new StateStream(new NetworkStream(socket, ownsSocket: true), memoryBytes), socket);
    }

    private Func<byte[]> OpenSource(string uri)
    {
        RiscV.Memory.GuestRam ram = supervisor.Guest.Machine.Ram;
        if (uri.StartsWith(Descriptor, StringComparison.Ordinal))
        {
            SafeFileHandle file = new HostFiles(descriptors).Open($"/proc/self/fd/{uri[Descriptor.Length..]}", FileAccess.Read);
            return () =>
            {
                using (file)
                {
                    return StateFile.Load(file, ram, copy: options.MemoryObject is not null);
                }
            };
        }

        Socket listener = HostFiles.Listen(Properties.Parse($"socket,path={PathOf(uri)}", "backend"));
        return () =>
        {
            using (listener)
            {
                using var stream = new NetworkStream(listener.Accept(), ownsSocket: true);
                return StateStream.Load(stream, ram);
            }
        };
    }

    private static string PathOf(string uri)
    {
        const string Unix = "unix:";
        return uri.StartsWith(Unix, StringComparison.Ordinal)
            ? uri[Unix.Length..]
            : throw new OptionException($"'{uri}' is no place that is known.");
    }

    private void Save(IStateTarget target, IDisposable closes)
    {
        bool ran = false;
        bool stopped = false;
        try
        {
            using (closes)
            {
                Move("active");
                var saver = new MachineSaver(supervisor.Guest.Machine, target);
                if (!options.Deterministic)
                {
                    saver.CopyWhileRunning(() => Volatile.Read(ref _cancelled) || supervisor.State != RunState.Running);
                }

                ran = supervisor.BeginFinish();
                stopped = true;
                if (_pauses)
                {
                    Move("pre-switchover");
                    AwaitGoOn();
                }

                Move("device");
                saver.Finish();
                supervisor.Guest.Drives.Flush();
                Complete();
                stopped = false;
            }
        }
        catch (Exception failed) when (failed is IOException or SocketException)
        {
            Console.Error.WriteLine($"cloud-vmm: the state cannot be saved: {failed.Message}");
            lock (_lock)
            {
                Change("failed");
            }
        }
        catch (OperationCanceledException)
        {
            // Asked for; what was written is of no use.
        }

        if (stopped)
        {
            supervisor.EndFinish(saved: false, ran);
        }

        lock (_lock)
        {
            if (_status == "cancelling")
            {
                Change("cancelled");
            }
        }
    }

    private void Load(Func<byte[]> load)
    {
        try
        {
            supervisor.Guest.Machine.LoadDevices(load());
            lock (_lock)
            {
                Change("completed");
            }

            supervisor.Arrived(!options.StartStopped);
        }
        catch (Exception failed) when (failed is InvalidDataException or IOException or SocketException)
        {
            lock (_lock)
            {
                Change("failed");
            }

            supervisor.Fail($"the state cannot be taken in: {failed.Message}");
        }
    }

    private void AwaitGoOn()
    {
        lock (_lock)
        {
            while (!_goesOn && !_cancelled)
            {
                Monitor.Wait(_lock);
            }
        }
    }

    /// <summary>The next state, where nobody has asked for the end.</summary>
    /// <exception cref="OperationCanceledException">Somebody has.</exception>
    private void Move(string status)
    {
        lock (_lock)
        {
            if (_cancelled)
            {
                throw new OperationCanceledException();
            }

            Change(status);
        }
    }

    /// <summary>It is saved. Whoever reads so may let the guest go on at once.</summary>
    private void Complete()
    {
        lock (_lock)
        {
            if (_cancelled)
            {
                throw new OperationCanceledException();
            }

            supervisor.EndFinish(saved: true, goOn: false);
            Change("completed");
        }
    }

    private void Change(string status)
    {
        _status = status;
        events.Send("MIGRATION", new System.Text.Json.Nodes.JsonObject { ["status"] = status });
    }
}
