using System.Net;

namespace Cloud.Vmm.Oci;

/// <summary>Settings of the container driver.</summary>
public sealed record OciOptions
{
    /// <summary>Where the driver makes what its probe needs.</summary>
    public required string StateFolder { get; init; }

    /// <summary>The program <c>cloud-shim</c>, which holds a container.</summary>
    public string ShimProgram { get; init; } = OwnShim;

    /// <summary>The OCI runtime, Debian's runc.</summary>
    public string RuntimeProgram { get; init; } = "/usr/sbin/runc";

    /// <summary>The first of the user ids that containers get ranges of.</summary>
    public int UidFirst { get; init; } = 1_200_000_000;

    /// <summary>How many ranges of <see cref="UidsEach"/> there are from there on.</summary>
    public int UidRanges { get; init; } = 12_000;

    /// <summary>Where a lock per range tells all clouds of this host which are in use.</summary>
    public string UidLockFolder { get; init; } = "/run/cloud/uids";

    /// <summary>Where the listeners of containers are: the host's loopback, or <c>0.0.0.0</c> for all that reach the host.</summary>
    public IPAddress ListenerAddress { get; init; } = IPAddress.Loopback;

    /// <summary>The network namespace, as a file, that they are in; null for this process's own.</summary>
    public string? ListenerNetwork { get; init; }

    /// <summary>How long a container may take from its shim's start to its own.</summary>
    public TimeSpan StartLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The one that was built with this program.</summary>
    internal static string OwnShim { get; } = Path.Combine(AppContext.BaseDirectory, "cloud-shim");

    /// <summary>The ids of one container.</summary>
    public const int UidsEach = 65536;
}
