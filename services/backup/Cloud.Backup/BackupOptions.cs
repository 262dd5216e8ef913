using System.ComponentModel.DataAnnotations;

namespace Cloud.Backup;

/// <summary>The settings of the backup service: the section <c>Cloud:Backup</c>.</summary>
internal sealed class BackupOptions
{
    /// <summary>The file of the key that seals the keys of vaults; made where there is none.</summary>
    [Required]
    public string KeyFile { get; set; } = "";

    /// <summary>The cloud's own folder.</summary>
    [Required]
    public string Data { get; set; } = "";

    /// <summary>How many jobs run at once, restores aside.</summary>
    [Range(1, 64)]
    public int JobsMax { get; set; } = 2;

    /// <summary>How many restores run at once, beside the other jobs.</summary>
    [Range(1, 64)]
    public int RestoresMax { get; set; } = 4;

    /// <summary>How long after a failure that may pass a job is tried again by itself; each time twice as long.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long after its last one a vault is verified by itself.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00")]
    public TimeSpan VerifyEvery { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How often a job is begun in all, by itself, after the process died under it or what it needs was away.</summary>
    [Range(1, 100)]
    public int AttemptsMax { get; set; } = 5;

    /// <summary>How long after its last one a vault is pruned again, where recovery points were removed.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "365.00:00:00")]
    public TimeSpan PruneEvery { get; set; } = TimeSpan.FromDays(1);
}
