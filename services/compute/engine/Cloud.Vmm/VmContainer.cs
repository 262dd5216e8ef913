namespace Cloud.Vmm;

/// <summary>What a machine of the engine <see cref="VmEngine.Container"/> is made of; it has no kernel and no seed of its own.</summary>
public sealed record VmContainer
{
    /// <summary>The folders of the image's layers on the host, the topmost first. Containers share them; none writes to them.</summary>
    public required IReadOnlyList<string> Layers { get; init; }

    /// <summary>The program and its arguments.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>All of its environment, <c>NAME=value</c>.</summary>
    public required IReadOnlyList<string> Environment { get; init; }

    public required string WorkingDirectory { get; init; }

    /// <summary>Whom its first process runs as, by the container's own numbers.</summary>
    public uint UserId { get; init; }

    public uint GroupId { get; init; }

    public IReadOnlyList<uint> Groups { get; init; } = [];

    /// <summary>The number of the signal that asks its first process to end.</summary>
    public int StopSignal { get; init; } = 15;

    /// <summary>Nothing but its volumes and memory can be written to.</summary>
    public bool ReadOnlyRoot { get; init; }

    public required string HostName { get; init; }

    /// <summary>How its network card is set, as it asks nobody; null where it has none.</summary>
    public VmContainerNetwork? Network { get; init; }

    /// <summary>
    /// What listens on the host for it: its first process has the sockets open, from descriptor 3 on in this order, as sd_listen_fds(3) has
    /// it. They stay open while it is reset.
    /// </summary>
    public IReadOnlyList<VmListener> Listeners { get; init; } = [];

    /// <summary>Where its disks are mounted, by their serials.</summary>
    public IReadOnlyDictionary<string, string> Mounts { get; init; } = new Dictionary<string, string>();
}

/// <summary>A TCP socket that listens on the host.</summary>
/// <param name="Name">What the container knows it by, in <c>LISTEN_FDNAMES</c>.</param>
/// <param name="Port">The host's.</param>
public sealed record VmListener(string Name, int Port);

/// <summary>A container's place in its network.</summary>
/// <param name="Address">Its IPv4 address.</param>
/// <param name="PrefixLength">Of its network.</param>
/// <param name="Gateway">Its way out.</param>
/// <param name="NameServer">Whom it asks for names.</param>
/// <param name="SearchDomain">Where a name without a dot is looked for.</param>
public sealed record VmContainerNetwork(string Address, int PrefixLength, string Gateway, string NameServer, string SearchDomain);
