namespace Cloud.Identity.Users;

/// <summary>Where a user stands. The numbers are stored and never change.</summary>
public enum UserStatus
{
    Active = 1,

    /// <summary>Tokens and access keys of theirs open nothing until an admin enables them again.</summary>
    Disabled = 2,

    /// <summary>The row stays for the audit log and for the answer to a second DELETE.</summary>
    Deleted = 3,
}
