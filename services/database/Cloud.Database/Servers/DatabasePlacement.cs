namespace Cloud.Database.Servers;

/// <summary>Where a database's servers live. The numbers are stored and never change.</summary>
public enum DatabasePlacement
{
    /// <summary>Unprivileged processes of this machine.</summary>
    Process = 1,

    /// <summary>Containers without a network, each on a volume of its own.</summary>
    Container = 2,
}

/// <summary>Where, and why there.</summary>
internal sealed record ServerPlacement(DatabasePlacement Place, string Reason)
{
    public const string OfProcesses =
        "The server is an unprivileged process with a user, a folder and a port of its own; it shares the machine's kernel.";

    public static ServerPlacement Container { get; } = new(
        DatabasePlacement.Container,
        "The server has a container without a network, with the processors and the memory of its type, on a volume of its size.");

    /// <param name="why">Why it is no container.</param>
    public static ServerPlacement Process(string why) => new(DatabasePlacement.Process, $"{OfProcesses} No container: {why}");
}
