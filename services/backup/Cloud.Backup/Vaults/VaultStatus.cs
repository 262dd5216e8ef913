namespace Cloud.Backup.Vaults;

/// <summary>Where a vault stands. The numbers are stored and never change.</summary>
public enum VaultStatus
{
    Active = 1,

    /// <summary>It takes no more backups while its recovery points are removed.</summary>
    Deleting = 2,

    /// <summary>Gone; the row stays for the answer to a second DELETE.</summary>
    Deleted = 3,
}

/// <summary>Where a vault's bytes lie. The numbers are stored and never change.</summary>
public enum VaultKind
{
    /// <summary>The cloud keeps it, where nobody else reads it.</summary>
    Managed = 1,

    /// <summary>A bucket of any S3 endpoint.</summary>
    S3 = 2,

    /// <summary>A folder of the machine that the service runs on.</summary>
    Folder = 3,
}
