using Cloud.Switch.Client;
using Cloud.Switch.Metadata;
using Cloud.Switch.Nat;
using Cloud.Switch.Relays;
using Cloud.Switch.Trunks;

namespace Cloud.Switch.Ports;

/// <summary>All ports and networks of the host. Only the loop touches it.</summary>
/// <param name="home">The whole path of the current folder.</param>
internal sealed class PortTable(
    string home, SwitchFolder folder, MetadataServer metadata, ServiceTable services, PollSet poll, Trunk trunk, uint? guestSocketOwner,
    TimeProvider time) : IDisposable
{
    /// <summary>A guest that is away is looked for that long on the other hosts, while all of these answer.</summary>
    private const long LostAfterMilliseconds = 10_000;

    private readonly Dictionary<string, Port> _ports = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Network> _networks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _lostSince = new(StringComparer.Ordinal);

    public IReadOnlyCollection<Port> Ports => _ports.Values;

    public Port? Find(string id) => _ports.GetValueOrDefault(id);

    /// <summary>
    /// Makes a port, or brings it to what is said without harm to what goes on in it; with another address it is made anew.
    /// </summary>
    /// <exception cref="SwitchException">It is invalid, its address is another's, or a port of the host is taken: then nothing has
    /// changed.</exception>
    public void Join(SwitchPort spec)
    {
        PortRules.Check(spec);
        var port = _ports.GetValueOrDefault(spec.Id);
        if (spec.Presence == PortPresence.Away && (port is null || port.Home is not null || port.Spec.Presence == PortPresence.Arriving))
        {
            // Nothing of it is here: what it has at another switch stays there.
            Leave(spec.Id);
            return;
        }

        if (port is not null && IsLike(port, spec))
        {
            Update(port, spec);
            Refresh();
            return;
        }

        Leave(spec.Id, keepFolder: true);
        Make(spec);
        Refresh();
    }

    /// <summary>Makes a port as it was when the switch ended.</summary>
    public void Restore(SwitchPort spec)
    {
        PortRules.Check(spec);
        Make(spec);
        Refresh();
    }

    /// <summary>Has guests reach these servers of the cloud, and no others.</summary>
    public void Serve(IReadOnlyList<SwitchService> told)
    {
        services.Set(told);
        Refresh();
    }

    public void Leave(string id) => Leave(id, keepFolder: false);

    /// <summary>
    /// Brings networks and ports to what the other switches say: who is where, and which of them has what is published for a guest of here.
    /// </summary>
    public void Refresh()
    {
        foreach (var network in _networks.Values)
        {
            network.Clear();
        }

        foreach (var port in _ports.Values)
        {
            port.There = port.IsAway ? trunk.FindHost(port.Spec.Id) : null;
            port.Home = port.Spec.Presence is PortPresence.Arrived or PortPresence.Here ? trunk.FindHome(port.Spec.Id) : null;
            if (port.Spec.Presence != PortPresence.Arriving)
            {
                port.Network.TryAdd(port);
            }
        }

        foreach (var station in trunk.Stations.Where(station => !_ports.ContainsKey(station.Id)))
        {
            NetworkOf(station.Project).TryAdd(station);
        }

        foreach (var (project, network) in _networks.Where(one => one.Value.IsEmpty).ToList())
        {
            if (!_ports.Values.Any(port => port.Network == network))
            {
                _networks.Remove(project);
            }
        }

        foreach (var (project, network) in _networks)
        {
            network.Serve(services.Of(project));
        }

        foreach (var port in _ports.Values)
        {
            PublishWhereDue(port);
        }

        trunk.Announce(_ports.Values);
    }

    /// <summary>The ports whose guests went away and are nowhere any more; they are gone from here now.</summary>
    public IReadOnlyList<string> TakeLost(long now)
    {
        var lost = new List<string>();
        foreach (var port in _ports.Values)
        {
            if (!port.IsAway || port.There is not null || !trunk.AllAnswer)
            {
                _lostSince.Remove(port.Spec.Id);
            }
            else if (!_lostSince.TryAdd(port.Spec.Id, now) && now - _lostSince[port.Spec.Id] > LostAfterMilliseconds)
            {
                lost.Add(port.Spec.Id);
            }
        }

        lost.ForEach(Leave);
        return lost;
    }

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

        _lostSince.Remove(id);
        port.Dispose();
        metadata.Close(id);
        if (!keepFolder)
        {
            port.Sockets.Remove();
        }

        Refresh();
    }

    private static bool IsLike(Port port, SwitchPort spec) =>
        port.Spec.Project == spec.Project && port.Spec.MacAddress == spec.MacAddress && port.Spec.Address == spec.Address
        && port.Spec.GuestSocket == spec.GuestSocket;

    private Network NetworkOf(string project)
    {
        if (!_networks.TryGetValue(project, out var network))
        {
            _networks[project] = network = new Network();
        }

        return network;
    }

    private void Make(SwitchPort spec)
    {
        var address = Port.ReadAddress(spec.Address);
        var others = _ports.Values.Where(other => other.Spec.Project == spec.Project
            && (other.Address == address || other.Mac == Port.ReadMac(spec.MacAddress))).ToList();

        // A guest that went away and whose address another is given is gone, though its host's switch may not have said so yet.
        others.Where(other => other.IsAway).ToList().ForEach(gone => Leave(gone.Spec.Id));
        if (others.Exists(other => !other.IsAway))
        {
            throw new SwitchException("invalid-port", $"Another port of the project has the address {spec.Address} or its MAC.");
        }

        var port = new Port(spec, NetworkOf(spec.Project), NewSockets(spec));
        try
        {
            var socket = metadata.Open(spec);
            port.Uplink = new Uplink(port, socket, poll, time);
            if (spec.Presence is PortPresence.Here or PortPresence.Away)
            {
                Publish(port, spec.Published);
            }
        }
        catch
        {
            port.Dispose();
            port.Sockets.RemoveIfNew();
            metadata.Close(spec.Id);
            throw;
        }

        _ports.Add(spec.Id, port);
    }

    /// <summary>With relative paths, so that it does not matter who may enter the folders above the cloud's.</summary>
    private PortSockets NewSockets(SwitchPort spec) =>
        new(folder.SwitchSocket(spec.Id), Path.GetRelativePath(home, spec.GuestSocket), guestSocketOwner);

    private void Update(Port port, SwitchPort spec)
    {
        // New ports first: where one is taken, the port stays as it was.
        if (port.Open.Count > 0)
        {
            Publish(port, spec.Published.Except(port.Open).ToList());
        }

        foreach (var gone in port.Open.Except(spec.Published).ToList())
        {
            Unpublish(port, gone);
        }

        metadata.Change(spec);
        if (port.IsAway && spec.Presence != PortPresence.Away)
        {
            // Its folder may have been another guest's run's; it is bound anew for the one that comes.
            port.Sockets.Dispose();
            port.Sockets = NewSockets(spec);
        }
        else if (spec.Presence == PortPresence.Away)
        {
            port.Forget();
        }

        // Until it has come it is where it was.
        port.Spec = port.IsAway && spec.Presence == PortPresence.Arriving ? spec with { Presence = PortPresence.Away } : spec;
    }

    /// <summary>
    /// What is published for a guest that came here is another switch's for as long as that one has it; then it is opened here, as soon as
    /// it is free.
    /// </summary>
    private static void PublishWhereDue(Port port)
    {
        if (port.Spec.Presence == PortPresence.Arriving || port.Home is not null)
        {
            foreach (var open in port.Open.ToList())
            {
                Unpublish(port, open);
            }

            return;
        }

        try
        {
            Publish(port, port.Spec.Published.Except(port.Open).ToList());
        }
        catch (SwitchException)
        {
            // It is tried again at the next look.
        }
    }

    private static void Publish(Port port, IReadOnlyList<PublishedPort> published)
    {
        var done = new List<PublishedPort>();
        try
        {
            foreach (var one in published)
            {
                port.Uplink.Publish(one);
                port.Open.Add(one);
                done.Add(one);
            }
        }
        catch (SwitchException)
        {
            done.ForEach(one => Unpublish(port, one));
            throw;
        }
    }

    private static void Unpublish(Port port, PublishedPort published)
    {
        port.Uplink.Unpublish(published);
        port.Open.Remove(published);
    }
}
