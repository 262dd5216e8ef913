using System.ComponentModel.DataAnnotations;

namespace Cloud.Identity;

/// <summary>What of this service can be set, under <c>Cloud:Identity</c>.</summary>
internal sealed class IdentityOptions
{
    /// <summary>The file of the master key that secrets in the database are sealed with; the same for all replicas.</summary>
    [Required]
    public string KeyFile { get; set; } = "";

    /// <summary>The file that the first start writes for scripts to <c>source</c>.</summary>
    [Required]
    public string CredentialsFile { get; set; } = "";

    /// <summary>How long a token between services lives.</summary>
    [Range(typeof(TimeSpan), "00:00:05", "00:05:00")]
    public TimeSpan JwtLifetime { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a signing key signs before the next takes its place.</summary>
    [Range(typeof(TimeSpan), "00:10:00", "3650.00:00:00")]
    public TimeSpan SigningKeyLifetime { get; set; } = TimeSpan.FromDays(30);

    /// <summary>How often a token's last use is written, at most.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LastUseEvery { get; set; } = TimeSpan.FromMinutes(1);
}
