using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Primitives;

namespace Cloud.Database.Servers;

/// <summary>Where each database's servers live, and where those of a new one are to.</summary>
/// <param name="containers">Null where there is no compute service, or no block storage.</param>
internal sealed class ServerPlaces(ServerProcesses processes, ServerContainers? containers, DatabaseOptions options)
{
    /// <summary>Null where there are none.</summary>
    public ServerContainers? Containers => containers;

    /// <exception cref="CloudException">It lives in containers, and there are none here.</exception>
    public IServerPlace Of(ManagedDatabase database) =>
        database.Placement == DatabasePlacement.Process ? processes : RequireContainers();

    /// <exception cref="CloudException">There are none here.</exception>
    public ServerContainers RequireContainers() => containers ?? throw new CloudException(
        ErrorKind.Unavailable, "no-containers", "The server lives in a container, and there is no compute service to ask for it.");

    /// <summary>In a container where one can be made now; else as a process.</summary>
    public async Task<ServerPlacement> ChooseAsync(DatabaseEngine engine, DatabaseType type, CancellationToken ct)
    {
        if (!options.Containers)
        {
            return ServerPlacement.Process("this cloud is told to make none (Cloud:Database:Containers).");
        }

        if (containers is null || options.ListensEverywhere)
        {
            return ServerPlacement.Process("the service does not share the loopback address of a compute host.");
        }

        return await containers.RefusalOfAsync(engine, type, ct) is { } why ? ServerPlacement.Process(why) : ServerPlacement.Container;
    }
}
