using Cloud.Switch.Client;
using Cloud.Switch.Ports;

namespace Cloud.Switch.Relays;

/// <summary>All of the cloud's own servers that guests reach, by project. Only the loop touches it.</summary>
internal sealed class ServiceTable(SwitchFolder folder) : IDisposable
{
    private readonly Dictionary<string, ServiceRelay> _relays = new(StringComparer.Ordinal);
    private Dictionary<string, IReadOnlyList<ServiceEntry>> _entries = new(StringComparer.Ordinal);

    /// <summary>Those that the guests of a project reach.</summary>
    public IReadOnlyList<ServiceEntry> Of(string project) => _entries.GetValueOrDefault(project, []);

    /// <summary>These and no others. Connections to those that stay go on.</summary>
    /// <exception cref="SwitchException">One of them is invalid; nothing has changed.</exception>
    /// <exception cref="IOException">The socket of one could not be opened.</exception>
    public void Set(IReadOnlyList<SwitchService> services)
    {
        ServiceRules.Check(services);
        foreach (var gone in _relays.Keys.Except(services.Select(service => service.Id)).ToList())
        {
            _relays.Remove(gone, out var relay);
            relay!.Dispose();
        }

        foreach (var service in services)
        {
            if (_relays.TryGetValue(service.Id, out var relay))
            {
                relay.HostPort = service.HostPort;
            }
            else
            {
                _relays.Add(service.Id, new ServiceRelay(SocketOf(service), service.HostPort));
            }
        }

        _entries = services.GroupBy(service => service.Project).ToDictionary(
            project => project.Key, project => (IReadOnlyList<ServiceEntry>)project.Select(ToEntry).ToList(), StringComparer.Ordinal);
    }

    public void Dispose()
    {
        foreach (var relay in _relays.Values)
        {
            relay.Dispose();
        }
    }

    private string SocketOf(SwitchService service) => Path.Combine(folder.Services, service.Id + ".sock");

    private ServiceEntry ToEntry(SwitchService service) => new(
        service.Names.Select(name => $"{name.ToLowerInvariant()}.{SwitchNetwork.ServiceDomain}").ToList(),
        Port.ReadAddress(service.Address), (ushort)service.Port, SocketOf(service));
}
