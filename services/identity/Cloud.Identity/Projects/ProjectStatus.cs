namespace Cloud.Identity.Projects;

/// <summary>Where a project stands. The numbers are stored and never change.</summary>
public enum ProjectStatus
{
    Active = 1,

    /// <summary>The row stays for the audit log and for the answer to a second DELETE.</summary>
    Deleted = 2,
}
