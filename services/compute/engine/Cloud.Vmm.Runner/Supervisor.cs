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
    private readonly TaskCompletionSource<int> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Supervisor(GuestMachine guest, RunnerOptions options, QmpEvents events)
    {
        Guest = guest;
        _options = options;
        _events = events;
        guest.Machine.Ended = OnGuestEnded;
    }

    internal GuestMachine Guest { get; }

    internal RunState State { get; private set; } = RunState.Prelaunch;

    /// <summary>Ends with the process's exit code when the process shall end.</summary>
    internal Task<int> Ended => _ended.Task;

    /// <summary>Lets the guest run; false where it has powered off and must be reset first.</summary>
    internal bool Continue()
    {
        lock (_lock)
        {
            if (State == RunState.Shutdown)
            {
                return false;
            }

            if (State != RunState.Running)
            {
                State = RunState.Running;
                Guest.Machine.Start();
                _events.Send("RESUME", null);
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
            if (_ended.Task.IsCompleted || State != RunState.Running)
            {
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
        Guest.Machine.Stop();
        Guest.Machine.Reset();
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
