using Cloud.Switch.Client;
using Cloud.Switch.Metadata;
using Cloud.Switch.Nat;

namespace Cloud.Switch.Ports;

/// <summary>All ports and networks of the host. Only the loop touches it.</summary>
/// <param name="home">The whole path of the current folder.</param>
internal sealed class PortTable(
    string home, SwitchFolder folder, MetadataServer metadata, PollSet poll, uint? guestSocketOwner, TimeProvider time) : IDisposable
{
    private readonly Dictionary<string, Port> _ports = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Network> _networks = new(StringComparer.Ordinal);

    public IReadOnlyCollection<Port> Ports => _ports.Values;

    /// <summary>
    /// Makes a port, or brings it to what is said without harm to what goes on in it; with another address it is made anew.
    /// </summary>
    /// <exception cref="SwitchException">It is invalid, its address is another's, or a port of the host is taken: then nothing has
    /// changed.</exception>
    public void Join(SwitchPort spec)
    {
        PortRules.Check(spec);
        if (_ports.TryGetValue(spec.Id, out var port))
        {
            if (port.Spec.Project == spec.Project && port.Spec.MacAddress == spec.MacAddress && port.Spec.Address == spec.Address
                && port.Spec.GuestSocket == spec.GuestSocket)
            {
                Update(port, spec);
                return;
            }

            Leave(spec.Id, keepFolder: true);
        }

        Make(spec);
    }

    public void Leave(string id) => Leave(id, keepFolder: false);

    public void Dispose()
    {
        foreach (var port in _ports.Values)
        {
            port.Dispose();
        }

        _ports.Clear();
    }

    private void Leave(string id, bool keepFolder)
    {
        if (!_ports.Remove(id, out var port))
        {
            return;
        }

        port.Network.Remove(port);
        if (port.Network.IsEmpty)
        {
            _networks.Remove(port.Network.Project);
        }

        port.Dispose();
        metadata.Close(id);
        if (!keepFolder)
        {
            port.Sockets.Remove();
        }
    }

    private void Make(SwitchPort spec)
    {
        var network = _networks.GetValueOrDefault(spec.Project) ?? new Network(spec.Project);
        // Relative, so that it does not matter who may enter the folders above the cloud's.
        var guestSocket = Path.GetRelativePath(home, spec.GuestSocket);
        var port = new Port(spec, network, new PortSockets(folder.SwitchSocket(spec.Id), guestSocket, guestSocketOwner));
        try
        {
            if (network.FindByMac(port.Mac) is not null || network.FindByAddress(port.Address) is not null)
            {
                throw new SwitchException("invalid-port", $"Another port of the project has the address {spec.Address} or its MAC.");
            }

            var socket = metadata.Open(spec);
            port.Uplink = new Uplink(port, socket, poll, time);
            Publish(port, spec.Published);
        }
        catch
        {
            port.Dispose();
            port.Sockets.RemoveIfNew();
            metadata.Close(spec.Id);
            throw;
        }

        network.Add(port);
        _networks[spec.Project] = network;
        _ports.Add(spec.Id, port);
    }

    private void Update(Port port, SwitchPort spec)
    {
        // New ports first: where one is taken, the port stays as it was.
        Publish(port, spec.Published.Except(port.Spec.Published).ToList());
        foreach (var gone in port.Spec.Published.Except(spec.Published))
        {
            port.Uplink.Unpublish(gone);
        }

        metadata.Change(spec);
        var name = port.Name;
        port.Spec = spec;
        port.Network.Rename(port, name);
    }

    private static void Publish(Port port, IReadOnlyList<PublishedPort> published)
    {
        var done = new List<PublishedPort>();
        try
        {
            foreach (var one in published)
            {
                port.Uplink.Publish(one);
                done.Add(one);
            }
        }
        catch (SwitchException)
        {
            done.ForEach(port.Uplink.Unpublish);
            throw;
        }
    }
}
