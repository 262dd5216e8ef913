using System.ComponentModel.DataAnnotations;

namespace Cloud.Compute.Host;

/// <summary>Settings of a host's agent, from the configuration section <c>Cloud:Host</c>.</summary>
public sealed record HostOptions
{
    /// <summary>The host's name in the cloud.</summary>
    [Required]
    public string Name { get; init; } = "local";

    /// <summary>Labels that instances can ask for by <c>hostLabels</c>.</summary>
    public Dictionary<string, string> Labels { get; init; } = [];

    /// <summary>
    /// Where guests and the switch live; default: <c>host</c> in the cloud's data folder, for a host that was given a name the folder of
    /// that name.
    /// </summary>
    [Required]
    public string Folder { get; set; } = "";

    /// <summary>
    /// The master key of encrypted volumes; made where there is none. Default: <c>secrets/volumes.key</c> in the data folder.
    /// </summary>
    [Required]
    public string VolumeKeyFile { get; set; } = "";

    /// <summary>The program <c>cloud-switch</c>.</summary>
    [Required]
    public string SwitchProgram { get; init; } = Path.Combine(AppContext.BaseDirectory, "cloud-switch");

    /// <summary>
    /// The machine's network namespace, as a file, where this agent was started in one of its own: the switch, which guests reach the
    /// world by, is started in that. Null where the agent is in it too.
    /// </summary>
    public string? MachineNetwork { get; init; }

    /// <summary>
    /// The IPv4 address that the listeners of containers are at: loopback, or <c>0.0.0.0</c> where other machines are to reach them.
    /// </summary>
    [Required]
    public string ListenerAddress { get; init; } = "127.0.0.1";

    /// <summary>As root: the first of the user ids that guests' processes run as, one each.</summary>
    [Range(1000, int.MaxValue)]
    public int GuestUidFirst { get; init; } = 1_000_000_000;

    /// <summary>How many user ids there are from <see cref="GuestUidFirst"/> on; the one after them is the switch's.</summary>
    [Range(1, 1_000_000)]
    public int GuestUidCount { get; init; } = 100_000;
}
