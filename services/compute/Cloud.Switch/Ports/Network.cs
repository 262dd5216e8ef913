using Cloud.Switch.Relays;

namespace Cloud.Switch.Ports;

/// <summary>
/// A project's network: its ports by what they are known as, and those of other hosts. A port finds no other but through here, so no two
/// networks meet.
/// </summary>
internal sealed class Network
{
    private readonly Dictionary<ulong, IStation> _byMac = [];
    private readonly Dictionary<uint, IStation> _byAddress = [];
    private readonly Dictionary<string, IStation> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<uint, ServiceEntry> _services = [];
    private readonly Dictionary<string, ServiceEntry> _servicesByName = new(StringComparer.Ordinal);

    public bool IsEmpty => _byMac.Count == 0;

    public IReadOnlyCollection<IStation> Stations => _byMac.Values;

    public IStation? FindByMac(ulong mac) => _byMac.GetValueOrDefault(mac);

    public IStation? FindByAddress(uint address) => _byAddress.GetValueOrDefault(address);

    /// <param name="name">A host name in lower case.</param>
    public IStation? FindByName(string name) => _byName.GetValueOrDefault(name);

    /// <summary>A server of the cloud that the network's guests reach.</summary>
    public ServiceEntry? FindService(uint address) => _services.GetValueOrDefault(address);

    /// <param name="name"><c>NAME.db</c> in lower case.</param>
    public ServiceEntry? FindService(string name) => _servicesByName.GetValueOrDefault(name);

    /// <summary>Has the network's guests reach these servers of the cloud, and no others.</summary>
    public void Serve(IReadOnlyList<ServiceEntry> services)
    {
        _services.Clear();
        _servicesByName.Clear();
        foreach (var service in services)
        {
            _services[service.Address] = service;
            foreach (var name in service.Names)
            {
                _servicesByName[name] = service;
            }
        }
    }

    /// <summary>False where another has one of its addresses; nothing has changed then.</summary>
    public bool TryAdd(IStation station)
    {
        if (_byMac.ContainsKey(station.Mac) || _byAddress.ContainsKey(station.Address))
        {
            return false;
        }

        _byMac.Add(station.Mac, station);
        _byAddress.Add(station.Address, station);
        _byName[station.Name] = station;
        return true;
    }

    /// <summary>Without its stations.</summary>
    public void Clear()
    {
        _byMac.Clear();
        _byAddress.Clear();
        _byName.Clear();
    }
}
