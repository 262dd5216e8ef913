using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>What QEMU tells unasked, and what its run states mean here.</summary>
internal sealed partial class QemuMachine
{
    private volatile string? _migrationStatus;
    private long _stoppedAt;
    private long _runsSince;

    /// <summary>When the guest was stopped last.</summary>
    public long StoppedAt => Interlocked.Read(ref _stoppedAt);

    /// <summary>When it was let go on last.</summary>
    public long RunsSince => Interlocked.Read(ref _runsSince);

    /// <summary>The step that was told last of the migration that began last; null where none was told yet.</summary>
    public string? MigrationStatus
    {
        get => _migrationStatus;
        set => _migrationStatus = value;
    }

    private void OnEvent(QmpEvent happened)
    {
        switch (happened.Name)
        {
            case QmpEvents.Shutdown when happened.Text("reason") == QmpEvents.ReasonGuestShutdown:
                TakeStatus("shutdown");
                break;
            case QmpEvents.GuestPanicked:
                TakeStatus("guest-panicked");
                break;
            case QmpEvents.Stop:
                _stoppedAt = _parts.Time.GetTimestamp();
                _observed = VmState.Paused;
                _happenings.Writer.TryWrite(Happening.GuestStopped);
                break;
            case QmpEvents.Resume:
                _runsSince = _parts.Time.GetTimestamp();
                _observed = VmState.Running;
                _diskFull = false;
                break;
            case QmpEvents.Migration:
                _migrationStatus = happened.Text("status");
                break;
            case QmpEvents.BlockIoError when happened.Text("action") == "stop":
                LogDiskFull(_log, Id);
                break;
            default:
                break;
        }
    }

    /// <summary>What a run state of QEMU's means here (qapi/run-state.json, RunState).</summary>
    private void TakeStatus(string status)
    {
        switch (status)
        {
            case "shutdown":
                WantEnd(GuestShutdown);
                break;
            case "guest-panicked":
                WantEnd(new VmExit(VmExitKind.Failed, "The guest's kernel panicked."));
                break;
            case "internal-error":
                WantEnd(new VmExit(VmExitKind.Failed, "The virtualization hardware gave up on the guest."));
                break;
            case "paused" or DiskFull or "prelaunch" or "inmigrate":
                _observed = VmState.Paused;
                _diskFull = status == DiskFull;
                break;
            case "finish-migrate" or "postmigrate":
                // It stands still while it is saved or moved; the events around that have said so, but to an agent before this one.
                _observed = IsLeaving ? VmState.Paused : _observed;
                break;
            default:
                _observed = VmState.Running;
                break;
        }
    }
}
