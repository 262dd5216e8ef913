namespace Cloud.Compute.Contracts;

/// <summary>
/// A server of the cloud shall be reached by the instances of one project at an address of their network, or no more. Who has the server
/// says it with every change, and again from time to time.
/// </summary>
/// <param name="Id">The server's.</param>
/// <param name="Project">Whose instances reach it.</param>
/// <param name="Names">Labels of DNS; each with <c>.db</c> behind it is a name of the address.</param>
/// <param name="Address">One of <see cref="ServiceAddresses"/>; another server of the project never has it at the same time.</param>
/// <param name="Port">The one that instances connect to.</param>
/// <param name="HostPort">Where it listens on loopback.</param>
/// <param name="Version">Grows with each change; what is older than what is known is ignored.</param>
/// <param name="Gone">It is reached no more.</param>
public sealed record SetNetworkService(
    string Id, string Project, IReadOnlyList<string> Names, string Address, int Port, int HostPort, long Version, bool Gone = false);

/// <summary>The addresses of a project's network that are the cloud's own servers': no instance has one.</summary>
public static class ServiceAddresses
{
    /// <summary>10.80.15.0/24, less its first and last.</summary>
    public const int Count = 254;

    /// <summary>What the servers' names end in.</summary>
    public const string Domain = "db";

    /// <param name="number">From 0 to one less than <see cref="Count"/>.</param>
    public static string Of(int number) => number is >= 0 and < Count
        ? $"10.80.15.{number + 1}"
        : throw new ArgumentOutOfRangeException(nameof(number), number, $"Expected 0 to {Count - 1}.");
}
