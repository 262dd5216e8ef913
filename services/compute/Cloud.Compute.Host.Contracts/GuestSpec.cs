using System.Text.Json.Serialization;

namespace Cloud.Compute.Host.Contracts;

/// <summary>
/// All that a host needs to hold one instance's guest. The host writes it into the guest's folder; it says nothing about running or not.
/// </summary>
public sealed record GuestSpec
{
    /// <summary>The instance's id; also the name of the guest's folder.</summary>
    public required string Id { get; init; }

    /// <summary>The id of the project: guests of one project share a network, of two never.</summary>
    public required string Project { get; init; }

    public required string ProjectName { get; init; }

    /// <summary>The guest's host name, unique in its project.</summary>
    public required string HostName { get; init; }

    /// <summary><c>emulation</c>, <c>hardware</c>, <c>simulation</c> or <c>container</c>: decided, no longer <c>auto</c>.</summary>
    public required string Engine { get; init; }

    public required int Vcpus { get; init; }

    public required long MemoryBytes { get; init; }

    /// <summary>The root disk's size as the guest sees it.</summary>
    public required long RootDiskBytes { get; init; }

    public required GuestImage Image { get; init; }

    /// <summary>As the user gave it; null for none.</summary>
    public string? UserData { get; init; }

    /// <summary>Public keys in OpenSSH's form that may log in.</summary>
    public IReadOnlyList<string> AuthorizedKeys { get; init; } = [];

    public required string MacAddress { get; init; }

    /// <summary>The guest's IPv4 address in its project's network.</summary>
    public required string Address { get; init; }

    public IReadOnlyList<GuestPort> Ports { get; init; } = [];

    /// <summary>
    /// The snapshot of another guest that its first start goes on from, as a machine of its own: its name, addresses, keys and randomness
    /// are made anew before it counts as started. Null boots.
    /// </summary>
    public string? ForkOf { get; init; }

    /// <summary>With <see cref="ForkOf"/>: it is at its first boot's end then, and takes keys and user data from its seed.</summary>
    public bool BeginsAnew { get; init; }

    /// <summary>The snapshot of a volume of its host that is its root disk when it is first defined; null for the image's.</summary>
    public string? RootOf { get; init; }

    /// <summary>The volumes that it has, in their order: vdb, vdc, … They come and go by attach and detach alone.</summary>
    public IReadOnlyList<GuestVolume> Volumes { get; init; } = [];

    /// <summary>Whether it has a network card.</summary>
    [JsonIgnore]
    public bool HasNetwork => Container?.HasNoNetwork != true;

    /// <summary>For the engine <c>container</c> what was asked beyond its image; else null.</summary>
    public GuestContainer? Container { get; init; }
}

/// <summary>How a container differs from what its image says.</summary>
public sealed record GuestContainer
{
    /// <summary>The program and its arguments; null for the image's own.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    /// <summary>Beside the image's, and before it where both name one.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Nothing but its volumes and memory can be written to.</summary>
    public bool ReadOnlyRoot { get; init; }

    /// <summary>Where volumes are mounted, by their ids; others are below <c>/volumes</c>.</summary>
    public IReadOnlyDictionary<string, string> Mounts { get; init; } = new Dictionary<string, string>();

    /// <summary>It has no network card, and reaches nothing.</summary>
    public bool HasNoNetwork { get; init; }

    /// <summary>Sockets that listen on the host, which its first process is given open.</summary>
    public IReadOnlyList<GuestListener> Listeners { get; init; } = [];
}

/// <summary>A TCP socket that listens on the host for a container.</summary>
/// <param name="Name">What the container knows it by.</param>
/// <param name="Port">The port on the machine's loopback, whichever host of the machine has the container.</param>
public sealed record GuestListener(string Name, int Port);

/// <summary>What a guest boots from: files in the image's folder on this host.</summary>
public sealed record GuestImage
{
    public required string Id { get; init; }

    /// <summary><c>x86_64</c> or <c>riscv64</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>The folder that holds the image's files.</summary>
    public required string Folder { get; init; }

    /// <summary>The disk's file in the folder.</summary>
    public required string Disk { get; init; }

    /// <summary><c>qcow2</c>, <c>raw</c>, or <c>oci</c> for an archive that containers are made of.</summary>
    public required string DiskFormat { get; init; }

    /// <summary>The kernel's file in the folder; null where the disk boots by the board's firmware.</summary>
    public string? Kernel { get; init; }

    public string? Initrd { get; init; }

    public string CommandLine { get; init; } = "";

    /// <summary>Whether the image writes the boot report; without it a guest is ready at its agent's first answer.</summary>
    public bool BootReport { get; init; }

    /// <summary>Whether the image runs a guest agent.</summary>
    public bool GuestAgent { get; init; }
}

/// <summary>A port of the guest that is published on the host's loopback.</summary>
/// <param name="Guest">The port in the guest.</param>
/// <param name="Host">The port on 127.0.0.1; chosen by the control plane, kept for the guest's life.</param>
public sealed record GuestPort(int Guest, int Host);
