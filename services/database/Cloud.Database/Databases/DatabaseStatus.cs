namespace Cloud.Database.Databases;

/// <summary>
/// Where a managed database stands. The numbers are stored and never change.
/// <code>
///  Provisioning ──▶ Available ──▶ Stopping ──▶ Stopped ──▶ Starting ──▶ Available
///                     │  ▲  ▲
///                     ▼  │  └──▶ Restarting, Resizing, Restoring
///                  ReadOnly        Deleting ──▶ Deleted ──▶ Provisioning (undelete)
/// </code>
/// </summary>
public enum DatabaseStatus
{
    /// <summary>Its server is being made.</summary>
    Provisioning = 1,

    /// <summary>It takes connections, and its recovery window is open.</summary>
    Available = 2,

    Starting = 3,

    Stopping = 4,

    Stopped = 5,

    Restarting = 6,

    Resizing = 7,

    /// <summary>It goes back to an earlier time, at the same address.</summary>
    Restoring = 8,

    /// <summary>It holds more than its size: it is read, and written again after a resize.</summary>
    ReadOnly = 9,

    /// <summary>It could not be made; the reason says why. It can be deleted.</summary>
    Failed = 10,

    Deleting = 11,

    /// <summary>Gone; with a final backup it can be brought back for its retention.</summary>
    Deleted = 12,
}
