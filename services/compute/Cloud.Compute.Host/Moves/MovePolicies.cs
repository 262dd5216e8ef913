using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Moves;

/// <summary>A move in the words of the host's contract.</summary>
internal static class MovePolicies
{
    /// <exception cref="CloudException">There is no such policy.</exception>
    public static VmMovePolicy Parse(string policy) => policy switch
    {
        "give-up" => VmMovePolicy.GiveUp,
        "post-copy" => VmMovePolicy.PostCopy,
        "stop" => VmMovePolicy.Stop,
        _ => throw CloudException.Invalid("policy", "Expected give-up, post-copy or stop."),
    };

    public static GuestMoveReport ToReport(VmMoveProgress progress) => new()
    {
        Phase = progress.Phase switch
        {
            VmMovePhase.Disks => "disks",
            VmMovePhase.Memory => "memory",
            VmMovePhase.Switchover => "switchover",
            VmMovePhase.PostCopy => "post-copy",
            _ => "done",
        },
        DiskBytes = progress.DiskBytes,
        DiskBytesTotal = progress.DiskBytesTotal,
        MemoryBytes = progress.MemoryBytes,
        RemainingBytes = progress.RemainingBytes,
        Rounds = progress.Rounds,
        DirtyBytesPerSecond = progress.DirtyBytesPerSecond,
        ExpectedDowntimeSeconds = progress.ExpectedDowntime.TotalSeconds,
        SlowedPercent = progress.SlowedPercent,
    };
}
