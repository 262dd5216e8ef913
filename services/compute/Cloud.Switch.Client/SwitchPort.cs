namespace Cloud.Switch.Client;

/// <summary>A guest's port of the switch, as its host agent wants it: who may say what on it, and what it is told.</summary>
public sealed record SwitchPort
{
    /// <summary>The guest's id: lower-case letters, digits and '-', at most 64; also the name of the folder of its sockets.</summary>
    public required string Id { get; init; }

    /// <summary>The network: ports of one project reach each other, of two never.</summary>
    public required string Project { get; init; }

    /// <summary>Under this name the guests of the project find it.</summary>
    public required string HostName { get; init; }

    /// <summary>Six octets, colon-separated. A frame from another is dropped.</summary>
    public required string MacAddress { get; init; }

    /// <summary>In 10.80.0.0/20, from 10.80.0.16 on. A packet from another is dropped.</summary>
    public required string Address { get; init; }

    /// <summary>The guest's end of the pair of sockets, bound by its process: frames for it are sent there.</summary>
    public required string GuestSocket { get; init; }

    public required IReadOnlyList<PublishedPort> Published { get; init; }

    public required PortMetadata Metadata { get; init; }

    /// <summary>Where the guest is.</summary>
    public PortPresence Presence { get; init; } = PortPresence.Here;
}

/// <summary>Where a port's guest is.</summary>
public enum PortPresence
{
    /// <summary>On this host.</summary>
    Here = 1,

    /// <summary>It is on its way here: the port has its sockets, and nobody else is told of it.</summary>
    Arriving = 2,

    /// <summary>
    /// On this host, and it came from another, whose switch may have its published ports and connections still. They are that one's for as
    /// long as it runs, and this one's afterwards.
    /// </summary>
    Arrived = 3,

    /// <summary>On another host; its published ports stay here, and the connections that it has go on.</summary>
    Away = 4,
}

/// <summary>A TCP port of the guest that is reached by a port of the host's 127.0.0.1.</summary>
public sealed record PublishedPort(int Guest, int Host);

/// <summary>What the guest reads at 169.254.169.254.</summary>
public sealed record PortMetadata
{
    /// <summary>As the user gave it; null for none.</summary>
    public string? UserData { get; init; }

    /// <summary>In OpenSSH's form.</summary>
    public required IReadOnlyList<string> AuthorizedKeys { get; init; }

    /// <summary>NoCloud's <c>meta-data</c>, served as it is.</summary>
    public required string MetaData { get; init; }

    /// <summary>NoCloud's <c>network-config</c>, served as it is.</summary>
    public required string NetworkConfig { get; init; }
}
