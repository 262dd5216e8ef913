namespace Cloud.Compute.InstanceSnapshots;

/// <summary>Where a snapshot stands. The numbers are stored and never change.</summary>
public enum InstanceSnapshotStatus
{
    Creating = 1,

    /// <summary>Its instance can go back to it.</summary>
    Available = 2,

    Deleting = 3,

    /// <summary>Gone; the row stays for the answer to a second DELETE.</summary>
    Deleted = 4,

    /// <summary>It could not be taken or removed; the reason says why. It can be deleted.</summary>
    Failed = 5,
}
