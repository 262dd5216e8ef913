namespace Cloud.Switch.Ports;

/// <summary>
/// A project's network: its ports by what they are known as. A port finds no other but through here, so no two networks meet.
/// </summary>
internal sealed class Network(string project)
{
    private readonly Dictionary<ulong, Port> _byMac = [];
    private readonly Dictionary<uint, Port> _byAddress = [];
    private readonly Dictionary<string, Port> _byName = new(StringComparer.Ordinal);

    public string Project { get; } = project;

    public bool IsEmpty => _byMac.Count == 0;

    public IReadOnlyCollection<Port> Ports => _byMac.Values;

    public Port? FindByMac(ulong mac) => _byMac.GetValueOrDefault(mac);

    public Port? FindByAddress(uint address) => _byAddress.GetValueOrDefault(address);

    /// <param name="name">A host name in lower case.</param>
    public Port? FindByName(string name) => _byName.GetValueOrDefault(name);

    public void Add(Port port)
    {
        _byMac.Add(port.Mac, port);
        _byAddress.Add(port.Address, port);
        _byName[port.Name] = port;
    }

    public void Remove(Port port)
    {
        _byMac.Remove(port.Mac);
        _byAddress.Remove(port.Address);
        Forget(port.Name, port);
    }

    public void Rename(Port port, string before)
    {
        Forget(before, port);
        _byName[port.Name] = port;
    }

    private void Forget(string name, Port port)
    {
        if (_byName.GetValueOrDefault(name) == port)
        {
            _byName.Remove(name);
        }
    }
}
