using System.Text.Json.Nodes;
using Cloud.Vmm.RiscV;
using Cloud.Vmm.Runner.Options;
using Cloud.Vmm.Runner.Qmp;

namespace Cloud.Vmm.Runner;

/// <summary>Runs, stops, resets and ends a machine: what QMP's commands and the guest's own wishes come to. One at a time.</summary>
internal sealed class Supervisor
{
    private readonly object _lock = new();
    private readonly RunnerOptions _options;
    private readonly QmpEvents _events;
    private MachineEnd? _missed;
    private readonly TaskCompletionSource<int> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Supervisor(GuestMachine guest, RunnerOptions options, QmpEvents events)
    {
        Guest = guest;
        _options = options;
        _events = events;
        State = options.Incoming is null ? RunState.Prelaunch : RunState.InMigrate;
        guest.Machine.Ended = OnGuestEnded;
    }

    internal GuestMachine Guest { get; }

    internal RunState State { get; private set; }

    /// <summary>Ends with the process's exit code when the process shall end.</summary>
    internal Task<int> Ended => _ended.Task;

    /// <summary>Lets the guest run; false where it has powered off and must be reset first, or its state is on its way.</summary>
    internal bool Continue()
    {
        lock (_lock)
        {
            if (State is RunState.Shutdown or RunState.InMigrate or RunState.FinishMigrate)
            {
                return false;
            }

            if (State != RunState.Running)
            {
                State = RunState.Running;
                Guest.Machine.Start();
                _events.Send("RESUME", null);
            }

            if (_missed is { } end)
            {
                _missed = null;
                OnGuestEnded(end);
            }

            return true;
        }
    }

    internal void Stop()
    {
        lock (_lock)
        {
            if (State == RunState.Running)
            {
                Guest.Machine.Stop();
                State = RunState.Paused;
                _events.Send("STOP", null);
            }
        }
    }

    /// <summary>Looks at the machine while it stands still; a guest that runs notices nothing but the moment.</summary>
    internal T Look<T>(Func<Machine, T> look)
    {
        lock (_lock)
        {
            bool runs = State == RunState.Running;
            if (runs)
            {
                Guest.Machine.Stop();
            }

            try
            {
                return look(Guest.Machine);
            }
            finally
            {
                if (runs)
                {
                    Guest.Machine.Start();
                }
            }
        }
    }

    /// <summary>The guest stands still for the rest of it to be saved; true where it ran.</summary>
    internal bool BeginFinish()
    {
        lock (_lock)
        {
            bool ran = State == RunState.Running;
            if (ran)
            {
                Guest.Machine.Stop();
            }

            State = RunState.FinishMigrate;
            if (ran)
            {
                _events.Send("STOP", null);
            }

            return ran;
        }
    }

    /// <summary>The end of what <see cref="BeginFinish"/> began.</summary>
    /// <param name="saved">Whether it is saved.</param>
    /// <param name="goOn">Whether the guest, where it is not, goes on.</param>
    internal void EndFinish(bool saved, bool goOn)
    {
        lock (_lock)
        {
            State = saved ? RunState.PostMigrate : RunState.Paused;
            if (!saved && goOn)
            {
                Continue();
            }
        }
    }

    /// <summary>What was awaited is there: the guest runs at once, or waits for "cont".</summary>
    internal void Arrived(bool runs)
    {
        lock (_lock)
        {
            State = RunState.Paused;
            if (runs)
            {
                Continue();
            }
        }
    }

    /// <summary>Ends the process with an error, which is told to whoever reads its log.</summary>
    internal void Fail(string reason)
    {
        Console.Error.WriteLine($"cloud-vmm: {reason}");
        _ended.TrySetResult(1);
    }

    /// <summary>Resets the machine as its button would; it goes on as it was, running or not.</summary>
    internal void Reset()
    {
        lock (_lock)
        {
            ResetMachine(byGuest: false, "host-qmp-system-reset");
        }
    }

    /// <summary>Ends the process.</summary>
    internal void Quit(string reason)
    {
        lock (_lock)
        {
            if (!_ended.Task.IsCompleted)
            {
                _events.Send("SHUTDOWN", new JsonObject { ["guest"] = false, ["reason"] = reason });
                _ended.TrySetResult(0);
            }
        }
    }

    private void OnGuestEnded(MachineEnd end)
    {
        lock (_lock)
        {
            if (_ended.Task.IsCompleted)
            {
                return;
            }

            if (State != RunState.Running)
            {
                // In the moment that it was stopped: it is told when the guest would go on.
                _missed = end;
                return;
            }

            if (end.Kind == MachineEndKind.Reset && !_options.ShutdownAtReset)
            {
                ResetMachine(byGuest: true, "guest-reset");
                return;
            }

            string reason = end.Kind == MachineEndKind.Reset ? "guest-reset" : "guest-shutdown";
            _events.Send("SHUTDOWN", new JsonObject { ["guest"] = true, ["reason"] = reason });
            if (_options.PauseAtShutdown)
            {
                State = RunState.Shutdown;
                _events.Send("STOP", null);
            }
            else
            {
                _ended.TrySetResult(end.Code);
            }
        }
    }

    private void ResetMachine(bool byGuest, string reason)
    {
        _missed = null;
        Guest.Machine.Stop();
        try
        {
            Guest.Machine.Reset();
        }
        catch (Exception gone) when (gone is OptionException or IOException or InvalidDataException)
        {
            Fail($"What boots cannot be loaded anew: {gone.Message}");
            return;
        }

        _events.Send("RESET", new JsonObject { ["guest"] = byGuest, ["reason"] = reason });
        if (State == RunState.Running)
        {
            Guest.Machine.Start();
        }
        else if (State == RunState.Shutdown)
        {
            State = RunState.Prelaunch;
        }
    }
}
