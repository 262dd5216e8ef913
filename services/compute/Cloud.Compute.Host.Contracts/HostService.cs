namespace Cloud.Compute.Host.Contracts;

/// <summary>A server of the cloud on the hosts' machine that the guests of one project reach at an address of their network.</summary>
/// <param name="Id">The server's.</param>
/// <param name="Names">Labels of DNS; each with <c>.db</c> behind it is a name of the address.</param>
/// <param name="Address">In the project's network.</param>
/// <param name="Port">The one that guests connect to.</param>
/// <param name="HostPort">Where it listens on loopback.</param>
public sealed record HostService(string Id, string Project, IReadOnlyList<string> Names, string Address, int Port, int HostPort);
