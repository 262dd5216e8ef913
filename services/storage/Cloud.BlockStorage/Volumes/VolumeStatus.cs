namespace Cloud.BlockStorage.Volumes;

/// <summary>
/// Where a volume stands. The numbers are stored and never change.
/// <code>
///  Creating ──▶ Available ──▶ Attaching ──▶ Attached ──▶ Detaching ──▶ Available
///                  │  ▲                        │  ▲
///                  ▼  │       Resizing         ▼  │
///               Deleting ──▶ Deleted
/// </code>
/// </summary>
public enum VolumeStatus
{
    /// <summary>Its host makes it.</summary>
    Creating = 1,

    /// <summary>No instance has it.</summary>
    Available = 2,

    /// <summary>It is promised to an instance, which does not have it yet.</summary>
    Attaching = 3,

    /// <summary>An instance has it: at once where it runs, and at every start.</summary>
    Attached = 4,

    /// <summary>The guest was asked to let go of it.</summary>
    Detaching = 5,

    /// <summary>It grows, attached or not.</summary>
    Resizing = 6,

    Deleting = 7,

    /// <summary>Gone; the row stays for the answer to a second DELETE.</summary>
    Deleted = 8,

    /// <summary>It could not be made or removed; the reason says why. It can be deleted.</summary>
    Failed = 9,

    /// <summary>It is brought back to a snapshot.</summary>
    Restoring = 10,

    /// <summary>It goes to another host with its instance.</summary>
    Migrating = 11,
}
