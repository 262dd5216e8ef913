namespace Cloud.Compute.Instances;

/// <summary>Where an instance stands. The numbers are stored and never change.</summary>
public enum InstanceStatus
{
    /// <summary>A host is chosen; image, disks and network are being made.</summary>
    Provisioning = 1,

    /// <summary>The guest starts or boots.</summary>
    Starting = 2,

    /// <summary>The guest's boot reached its end, or its time for it is over.</summary>
    Running = 3,

    Pausing = 4,

    /// <summary>The guest's processors are stopped; its memory stays.</summary>
    Paused = 5,

    Resuming = 6,

    /// <summary>What the guest is is being kept on its host's disk.</summary>
    Suspending = 7,

    /// <summary>The guest does not run and takes no memory; it goes on from where it was.</summary>
    Suspended = 8,

    /// <summary>Reset, and booting again.</summary>
    Rebooting = 9,

    Resizing = 10,

    /// <summary>Asked to power off; ended by force after a limit.</summary>
    Stopping = 12,

    Stopped = 13,

    /// <summary>It could not be made or died; the reason says why. It can be started again or deleted.</summary>
    Failed = 14,

    Deleting = 15,

    /// <summary>Gone; the row stays for the answer to a second DELETE.</summary>
    Deleted = 16,

    /// <summary>Going back to a snapshot of it.</summary>
    Restoring = 17,

    /// <summary>On its way to another host; the guest runs.</summary>
    Migrating = 18,
}
