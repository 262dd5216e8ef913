using Cloud.Compute.Contracts;
using Cloud.Compute.Host.Contracts;

namespace Cloud.Compute.Networks;

/// <summary>A server of the cloud that a project's instances reach, as it was said last. One that is gone is kept, so that what is said
/// late is known to be old.</summary>
internal sealed class NetworkService
{
    private NetworkService()
    {
    }

    public string Id { get; private init; } = "";

    public string Project { get; private set; } = "";

    public IReadOnlyList<string> Names { get; private set; } = [];

    public string Address { get; private set; } = "";

    public int Port { get; private set; }

    public int HostPort { get; private set; }

    public long ToldVersion { get; private set; }

    public bool Gone { get; private set; }

    public static NetworkService Create(string id) => new() { Id = id, ToldVersion = -1 };

    /// <summary>Ignores what is older than what is known.</summary>
    public void Take(SetNetworkService told)
    {
        if (told.Version < ToldVersion)
        {
            return;
        }

        (Project, Names, Address, Port, HostPort) = (told.Project, told.Names, told.Address, told.Port, told.HostPort);
        (ToldVersion, Gone) = (told.Version, told.Gone);
    }

    public HostService ToHost() => new(Id, Project, Names, Address, Port, HostPort);
}
