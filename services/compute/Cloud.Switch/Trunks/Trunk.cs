using System.Text;
using System.Text.Json;
using Cloud.Switch.Client;
using Cloud.Switch.Frames;
using Cloud.Switch.Native;
using Cloud.Switch.Ports;

namespace Cloud.Switch.Trunks;

/// <summary>
/// What joins the switches of a cloud's hosts: each sends the others' sockets its table of ports, at every change and once a second, and
/// the frames for guests that are there. Unix datagrams in a folder that only the switches' user enters; so who sends is one of them.
/// Only the loop touches it.
/// </summary>
internal sealed class Trunk : IDisposable
{
    /// <summary>Kind, length of the id, id, frame.</summary>
    public const int HeaderLengthMax = 2 + IdLengthMax;

    public const int DatagramLengthMax = 32 << 10;
    public const long AnnounceMilliseconds = 1000;

    private const int IdLengthMax = 64;
    private const int FramesPerRound = 256;

    /// <summary>With their JSON they fit in a datagram.</summary>
    private const int PortsPerDatagram = 80;

    /// <summary>Nobody but the switches' user.</summary>
    private const uint SocketMode = 0x180;

    private readonly SwitchFolder _folder;
    private readonly string _home;
    private readonly uint? _owner;
    private readonly Dictionary<string, TrunkPeer> _peers = new(StringComparer.Ordinal);
    private readonly byte[] _buffer = new byte[DatagramLengthMax];
    private IReadOnlyList<byte[]> _announcement = [];
    private string _name = "";
    private long _round;

    /// <param name="folder">The switch's.</param>
    /// <param name="home">The whole path of the current folder.</param>
    /// <param name="owner">The user that all switches of the cloud run as; null where that is not told apart.</param>
    public Trunk(SwitchFolder folder, string home, uint? owner)
    {
        (_folder, _home, _owner) = (folder, home, owner);
        Receiver = Libc.BindDatagram(folder.TrunkSocket, SocketMode);
    }

    public int Receiver { get; }

    public IReadOnlyCollection<TrunkPeer> Peers => _peers.Values;

    public bool AllAnswer => _peers.Values.All(peer => peer.Answers);

    /// <summary>The guests of all other hosts that answer.</summary>
    public IEnumerable<RemoteStation> Stations => _peers.Values.Where(peer => peer.Answers).SelectMany(peer => peer.Stations);

    /// <summary>The switch of the host that a guest is on.</summary>
    public TrunkPeer? FindHost(string id) => _peers.Values.FirstOrDefault(peer => peer.Has(id, away: false));

    /// <summary>The switch that keeps what a guest had when it went away from there.</summary>
    public TrunkPeer? FindHome(string id) => _peers.Values.FirstOrDefault(peer => peer.Answers && peer.Has(id, away: true));

    public void Link(SwitchTrunk trunk)
    {
        _name = trunk.Name;
        foreach (var gone in _peers.Keys.Except(trunk.Peers.Select(peer => peer.Name)).ToList())
        {
            _peers.Remove(gone, out var peer);
            peer!.Dispose();
        }

        foreach (var told in trunk.Peers)
        {
            var socket = Path.GetRelativePath(_home, new SwitchFolder(told.Folder).TrunkSocket);
            if (!_peers.TryGetValue(told.Name, out var peer) || peer.Socket != socket)
            {
                peer?.Dispose();
                _peers[told.Name] = new TrunkPeer(told.Name, socket, _owner);
            }
        }
    }

    /// <summary>Tells the others which ports there are, now and until there are others.</summary>
    public void Announce(IEnumerable<Port> ports)
    {
        _round++;
        var told = ports.Where(port => port.Spec.Presence != PortPresence.Arriving).Select(port => new AnnouncedPort(
            port.Spec.Id, port.Spec.Project, port.Spec.HostName, port.Spec.MacAddress, port.Spec.Address, port.IsAway)).ToList();
        var parts = told.Chunk(PortsPerDatagram).DefaultIfEmpty([]).ToList();
        _announcement = parts.Select((part, at) => (byte[])[
            (byte)TrunkDatagram.Table,
            .. JsonSerializer.SerializeToUtf8Bytes(
                new Announcement(_name, _round, IsLast: at == parts.Count - 1, part), TrunkJson.Default.Announcement)]).ToList();
        AnnounceAgain();
    }

    /// <summary>Tells it once more, to whom it was not told or who has started since.</summary>
    public void AnnounceAgain()
    {
        foreach (var peer in _peers.Values)
        {
            foreach (var datagram in _announcement)
            {
                peer.Send(datagram);
            }
        }
    }

    /// <summary>Tells that this switch ends.</summary>
    public void SayGoodbye()
    {
        foreach (var peer in _peers.Values)
        {
            peer.Send([(byte)TrunkDatagram.Goodbye, .. Encoding.UTF8.GetBytes(_name)]);
        }
    }

    /// <summary>Who has not been heard for long does not answer; true where that is new of one.</summary>
    public bool Expire(long now)
    {
        var changed = false;
        foreach (var peer in _peers.Values)
        {
            changed |= peer.Expire(now);
        }

        return changed;
    }

    /// <summary>Reads what came.</summary>
    /// <returns>True where a table changed.</returns>
    public unsafe bool Receive(PortTable ports, Forwarder forwarder, long now)
    {
        var changed = false;
        for (var count = 0; count < FramesPerRound; count++)
        {
            int length;
            fixed (byte* bytes = _buffer)
            {
                length = (int)Libc.Receive(Receiver, bytes, DatagramLengthMax, Libc.MessageDontWait);
            }

            if (length <= 0)
            {
                break;
            }

            changed |= Take(_buffer.AsSpan(0, length), ports, forwarder, now);
        }

        return changed;
    }

    public void Dispose()
    {
        foreach (var peer in _peers.Values)
        {
            peer.Dispose();
        }

        _ = Libc.Close(Receiver);
        File.Delete(_folder.TrunkSocket);
    }

    private bool Take(Span<byte> datagram, PortTable ports, Forwarder forwarder, long now)
    {
        switch ((TrunkDatagram)datagram[0])
        {
            case TrunkDatagram.Table when TryRead(datagram[1..]) is { } told:
                return _peers.TryGetValue(told.From, out var peer) && peer.Take(told, now);
            case TrunkDatagram.Goodbye:
                return _peers.TryGetValue(Encoding.UTF8.GetString(datagram[1..]), out var leaver) && leaver.FallSilent();
            case TrunkDatagram.ToGuest when FindPort(datagram, ports, out var frame) is { IsAway: false } port:
                port.Deliver(frame, now);
                return false;
            case TrunkDatagram.FromGuest when FindPort(datagram, ports, out var frame) is { IsAway: true } port:
                forwarder.Forward(port, frame, now);
                return false;
            default:
                // Of a port that came or went at this moment.
                return false;
        }
    }

    private static Port? FindPort(Span<byte> datagram, PortTable ports, out Span<byte> frame)
    {
        frame = default;
        if (datagram.Length < 2 || datagram.Length < 2 + datagram[1] + Ethernet.HeaderLength)
        {
            return null;
        }

        frame = datagram[(2 + datagram[1])..];
        return ports.Find(Encoding.ASCII.GetString(datagram.Slice(2, datagram[1])));
    }

    private static Announcement? TryRead(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, TrunkJson.Default.Announcement);
        }
        catch (JsonException)
        {
            // A switch of another version.
            return null;
        }
    }
}
