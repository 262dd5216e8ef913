using System.ComponentModel.DataAnnotations;

namespace Cloud.Database;

/// <summary>The section <c>Cloud:Database</c>.</summary>
public sealed class DatabaseOptions
{
    /// <summary>Where the servers' data lies: a folder a database.</summary>
    [Required]
    public string Folder { get; set; } = "";

    /// <summary>The key that seals passwords.</summary>
    [Required]
    public string KeyFile { get; set; } = "";

    /// <summary>The key of the authority that signs the servers' certificates, and beside it (<c>.crt</c>) its own certificate.</summary>
    [Required]
    public string AuthorityFile { get; set; } = "";

    /// <summary>Where PostgreSQL's programs lie.</summary>
    [Required]
    public string Programs { get; set; } = "/usr/lib/postgresql/15/bin";

    /// <summary>The first of the ports that servers listen on.</summary>
    [Range(1024, 65535)]
    public int PortFirst { get; set; } = 15_000;

    /// <summary>How many ports there are from <see cref="PortFirst"/> on.</summary>
    [Range(1, 60_000)]
    public int PortCount { get; set; } = 200;

    /// <summary>Servers are reached at every address of this machine, and not at its loopback address alone: for a container, whose ports
    /// are published one by one.</summary>
    public bool ListensEverywhere { get; set; }

    /// <summary>New PostgreSQL servers live in containers, where one can be made.</summary>
    public bool Containers { get; set; } = true;

    /// <summary>The first of the user ids that servers run as, where the service may choose them.</summary>
    [Range(1000, int.MaxValue)]
    public int ServerUidFirst { get; set; } = 1_200_000_000;

    /// <summary>How many user ids there are from <see cref="ServerUidFirst"/> on.</summary>
    [Range(1, 100_000_000)]
    public int ServerUidCount { get; set; } = 1_000_000;

    /// <summary>How long at most a commit is in the server alone, and not in the archive.</summary>
    public TimeSpan ArchiveInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>A new base backup is taken when the newest is older.</summary>
    public TimeSpan BaseBackupAge { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Or when so much log has come since.</summary>
    [Range(ArchiveLogMin, long.MaxValue)]
    public long BaseBackupLogBytes { get; set; } = 512L << 20;

    /// <summary>How far back the recovery window reaches, and how long a deleted database can be undeleted.</summary>
    public TimeSpan Retention { get; set; } = TimeSpan.FromDays(7);

    private const long ArchiveLogMin = 1 << 20;
}
