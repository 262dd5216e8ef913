namespace Cloud.Switch.Client;

/// <summary>What a client may ask: a line of JSON each, answered in order by one <see cref="SwitchResponse"/>.</summary>
public enum SwitchCommand
{
    /// <summary>Who are you?</summary>
    Hello = 1,

    /// <summary>Makes a port or brings it to what is said. Kept over restarts of the switch.</summary>
    Join = 2,

    /// <summary>Removes a port and ends its connections.</summary>
    Leave = 3,

    /// <summary>The ids of all ports.</summary>
    List = 4,

    Statistics = 5,

    /// <summary>Ends the switch; its ports are there again when it is started again.</summary>
    Quit = 6,

    /// <summary>Tells which other switches of the cloud there are.</summary>
    Link = 7,

    /// <summary>Tells all of the cloud's own servers that guests reach. Kept over restarts of the switch.</summary>
    Serve = 8,
}

/// <param name="Id">For <see cref="SwitchCommand.Leave"/>.</param>
/// <param name="Port">For <see cref="SwitchCommand.Join"/>.</param>
/// <param name="Trunk">For <see cref="SwitchCommand.Link"/>.</param>
/// <param name="Services">For <see cref="SwitchCommand.Serve"/>.</param>
public sealed record SwitchRequest(
    SwitchCommand Command, string? Id = null, SwitchPort? Port = null, SwitchTrunk? Trunk = null,
    IReadOnlyList<SwitchService>? Services = null);

/// <summary>A switch among those of its cloud.</summary>
/// <param name="Name">Its host's name: what the others know it by.</param>
/// <param name="Peers">All others.</param>
public sealed record SwitchTrunk(string Name, IReadOnlyList<SwitchPeer> Peers);

/// <param name="Name">Its host's name.</param>
/// <param name="Folder">The whole path of its folder, which this one may pass through.</param>
public sealed record SwitchPeer(string Name, string Folder);

/// <summary>An answer: <see cref="Error"/> or what was asked for.</summary>
public sealed record SwitchResponse
{
    public SwitchError? Error { get; init; }

    public SwitchHello? Hello { get; init; }

    public IReadOnlyList<string>? Ids { get; init; }

    public IReadOnlyList<PortStatistics>? Statistics { get; init; }
}

/// <param name="Code">Stable, for programs: <c>invalid-port</c>, <c>invalid-service</c>, <c>port-taken</c>, <c>failed</c>.</param>
public sealed record SwitchError(string Code, string Message);

/// <param name="Protocol">Equal numbers understand each other.</param>
/// <param name="Version">The program's version.</param>
public sealed record SwitchHello(int Protocol, string Version, int ProcessId);
