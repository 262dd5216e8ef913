using System.Text;
using Cloud.Switch.Frames;
using Cloud.Switch.Ports;

namespace Cloud.Switch.Trunks;

/// <summary>The switch of another host: its ports as it told them last, and the way to it.</summary>
internal sealed class TrunkPeer(string name, string socket, uint? owner) : IDisposable
{
    private const long SilentAfterMilliseconds = 4000;

    private readonly DatagramSender _sender = new(socket, owner);
    private readonly FrameQueue _queue = new(Trunk.HeaderLengthMax + Ethernet.FrameLengthMax);
    private readonly byte[] _datagram = new byte[Trunk.HeaderLengthMax + Ethernet.FrameLengthMax];
    private readonly List<AnnouncedPort> _coming = [];
    private Dictionary<string, AnnouncedPort> _ports = new(StringComparer.Ordinal);
    private long _comingRound;
    private long _round = -1;
    private long _heardAt;

    public string Name => name;

    public string Socket => socket;

    /// <summary>It was heard of late.</summary>
    public bool Answers { get; private set; }

    /// <summary>The guests of its host.</summary>
    public IReadOnlyList<RemoteStation> Stations { get; private set; } = [];

    public bool Waits => _queue.Count > 0 && _sender.Connected;

    public int Descriptor => _sender.Descriptor;

    public bool Has(string id, bool away) => _ports.TryGetValue(id, out var port) && port.IsAway == away;

    /// <summary>A part of its table; true where that changed what is known of it.</summary>
    public bool Take(Announcement told, long now)
    {
        _heardAt = now;
        var answered = !Answers;
        Answers = true;
        if (told.Round == _round)
        {
            return answered;
        }

        if (told.Round != _comingRound)
        {
            _coming.Clear();
            _comingRound = told.Round;
        }

        _coming.AddRange(told.Ports);
        if (!told.IsLast)
        {
            return answered;
        }

        _round = told.Round;
        var ports = _coming.DistinctBy(port => port.Id).ToDictionary(port => port.Id, StringComparer.Ordinal);
        _coming.Clear();
        var same = ports.Count == _ports.Count && ports.Values.All(port => _ports.TryGetValue(port.Id, out var known) && known == port);
        _ports = ports;
        Stations = ports.Values.Where(port => !port.IsAway).Select(port => new RemoteStation(this, port)).ToList();
        return answered || !same;
    }

    /// <summary>True where it answered until now.</summary>
    public bool FallSilent()
    {
        var answered = Answers;
        Answers = false;
        _round = -1;
        return answered;
    }

    public bool Expire(long now) => Answers && now - _heardAt > SilentAfterMilliseconds && FallSilent();

    /// <summary>Sends it a frame for a guest of its host; false where that found no room.</summary>
    public bool Deliver(string id, ReadOnlySpan<byte> frame, long now) => SendFrame(TrunkDatagram.ToGuest, id, frame, now);

    /// <summary>Sends it a frame of a guest whose way out it has.</summary>
    public void Route(string id, ReadOnlySpan<byte> frame, long now) => SendFrame(TrunkDatagram.FromGuest, id, frame, now);

    /// <summary>Sends a table or a goodbye, or drops it: it is told again.</summary>
    public void Send(ReadOnlySpan<byte> datagram) => _sender.Send(datagram, long.MaxValue);

    /// <summary>Sends what waited, as far as there is room.</summary>
    public void Flush(long now)
    {
        while (_queue.Count > 0)
        {
            switch (_sender.Send(_queue.First, now))
            {
                case SendResult.Full:
                    return;
                case SendResult.NobodyThere:
                    _queue.Clear();
                    return;
            }

            _queue.RemoveFirst();
        }
    }

    public void Dispose() => _sender.Dispose();

    private bool SendFrame(TrunkDatagram kind, string id, ReadOnlySpan<byte> frame, long now)
    {
        if (frame.Length > Ethernet.FrameLengthMax)
        {
            return false;
        }

        _datagram[0] = (byte)kind;
        _datagram[1] = (byte)Encoding.ASCII.GetBytes(id, _datagram.AsSpan(2));
        frame.CopyTo(_datagram.AsSpan(2 + _datagram[1]));
        var whole = _datagram.AsSpan(0, 2 + _datagram[1] + frame.Length);
        if (_queue.Count > 0)
        {
            return _queue.TryAdd(whole);
        }

        return _sender.Send(whole, now) switch
        {
            SendResult.Sent => true,
            SendResult.Full => _queue.TryAdd(whole),
            _ => false,
        };
    }
}
