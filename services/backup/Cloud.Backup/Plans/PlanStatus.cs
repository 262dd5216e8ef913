namespace Cloud.Backup.Plans;

/// <summary>Where a plan stands. The numbers are stored and never change.</summary>
public enum PlanStatus
{
    Active = 1,

    /// <summary>It runs only when somebody asks for it.</summary>
    Paused = 2,

    /// <summary>Gone; its recovery points stay. The row stays for the answer to a second DELETE.</summary>
    Deleted = 3,
}
