namespace Cloud.Switch.Client;

/// <summary>
/// A server of the cloud on this host's loopback that the guests of one project, and no others, reach at an address of their network.
/// </summary>
public sealed record SwitchService
{
    /// <summary>The server's id: lower-case letters, digits and '-', at most 64.</summary>
    public required string Id { get; init; }

    /// <summary>Whose guests reach it.</summary>
    public required string Project { get; init; }

    /// <summary>Labels of DNS; each with <c>.db</c> behind it is a name of the address.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>From <see cref="SwitchNetwork.ServiceFirst"/> to <see cref="SwitchNetwork.ServiceLast"/>; one in a project.</summary>
    public required string Address { get; init; }

    /// <summary>The port that guests connect to, the only one.</summary>
    public required int Port { get; init; }

    /// <summary>Where the server listens on 127.0.0.1.</summary>
    public required int HostPort { get; init; }
}
