namespace Cloud.Backup.Jobs;

/// <summary>Where a job stands. The numbers are stored and never change.</summary>
public enum JobStatus
{
    Queued = 1,
    Running = 2,
    Succeeded = 3,
    Failed = 4,
    Cancelled = 5,
}

/// <summary>What a job does. The numbers are stored and never change.</summary>
public enum JobKind
{
    /// <summary>Makes a recovery point of a resource.</summary>
    Backup = 1,

    /// <summary>Makes a resource of a recovery point, or brings one back to it.</summary>
    Restore = 2,

    /// <summary>Reads a recovery point back and says whether it is whole.</summary>
    Verify = 3,

    /// <summary>Copies a recovery point into another vault.</summary>
    Copy = 4,
}
