namespace Cloud.Backup.RecoveryPoints;

/// <summary>Where a recovery point stands. The numbers are stored and never change.</summary>
public enum RecoveryPointStatus
{
    Available = 1,

    /// <summary>The vault has lost bytes of it; the next backup of the same bytes heals it.</summary>
    Damaged = 2,

    /// <summary>It goes.</summary>
    Deleting = 3,

    /// <summary>Gone; the row stays for the answer to a second DELETE.</summary>
    Deleted = 4,
}
