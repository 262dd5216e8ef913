using System.Net;
using System.Net.NetworkInformation;
using Cloud.Switch.Client;
using Cloud.Switch.Frames;
using Cloud.Switch.Nat;
using Cloud.Switch.Trunks;

namespace Cloud.Switch.Ports;

/// <summary>A guest's port: its sockets, its way out, what may come in, and counters. Only the loop touches it.</summary>
internal sealed class Port : IStation, IDisposable
{
    private const int BroadcastsPerSecond = 50;
    private const int RefusalsPerSecond = 50;

    /// <summary>Public: a bucket is a mutable struct.</summary>
    public TokenBucket Broadcasts = new(BroadcastsPerSecond);
    public TokenBucket Refusals = new(RefusalsPerSecond);

    private readonly FrameQueue _queue = new(Ethernet.FrameLengthMax);
    private long _sentBytes;
    private long _sentPackets;
    private long _receivedBytes;
    private long _receivedPackets;
    private long _refused;
    private long _dropped;

    public Port(SwitchPort spec, Network network, PortSockets sockets)
    {
        Spec = spec;
        Network = network;
        Sockets = sockets;
        Mac = ReadMac(spec.MacAddress);
        Address = ReadAddress(spec.Address);
    }

    public SwitchPort Spec { get; set; }

    public Network Network { get; }

    public PortSockets Sockets { get; set; }

    public ulong Mac { get; }

    public uint Address { get; }

    /// <summary>The host name as DNS compares it.</summary>
    public string Name => Spec.HostName.ToLowerInvariant();

    /// <summary>Set once the port is whole.</summary>
    public Uplink Uplink { get; set; } = null!;

    /// <summary>The switch that has its published ports and connections, while that is not this one.</summary>
    public TrunkPeer? Home { get; set; }

    /// <summary>The switch of the host that its guest is on, while that is not this one.</summary>
    public TrunkPeer? There { get; set; }

    public bool IsAway => Spec.Presence == PortPresence.Away;

    /// <summary>The published ports that are open here.</summary>
    public HashSet<PublishedPort> Open { get; } = [];

    /// <summary>Frames wait for room.</summary>
    public bool Waits => _queue.Count > 0;

    public static ulong ReadMac(string text) => Ethernet.ReadMac(PhysicalAddress.Parse(text.Replace(':', '-')).GetAddressBytes());

    public static uint ReadAddress(string text) =>
        (uint)IPAddress.NetworkToHostOrder(BitConverter.ToInt32(IPAddress.Parse(text).GetAddressBytes()));

    public void CountFromGuest(int length)
    {
        _sentBytes += length;
        _sentPackets++;
    }

    public void CountRefused() => _refused++;

    /// <summary>Sends a frame to the guest, now or when there is room, or drops it.</summary>
    public void Deliver(ReadOnlySpan<byte> frame, long now)
    {
        if (IsAway)
        {
            if (There?.Deliver(Spec.Id, frame, now) == true)
            {
                CountDelivered(frame.Length);
            }
            else
            {
                _dropped++;
            }

            return;
        }

        if (!Waits)
        {
            switch (Sockets.Send(frame, now))
            {
                case SendResult.Sent:
                    CountDelivered(frame.Length);
                    return;
                case SendResult.NobodyThere:
                    _dropped++;
                    return;
            }
        }

        if (!_queue.TryAdd(frame))
        {
            _dropped++;
        }
    }

    /// <summary>What waited for a guest that is here no more.</summary>
    public void Forget()
    {
        _dropped += _queue.Count;
        _queue.Clear();
    }

    /// <summary>Sends what waited, as far as there is room.</summary>
    public void Flush(long now)
    {
        while (Waits)
        {
            switch (Sockets.Send(_queue.First, now))
            {
                case SendResult.Full:
                    return;
                case SendResult.NobodyThere:
                    _dropped += _queue.Count;
                    _queue.Clear();
                    return;
            }

            CountDelivered(_queue.First.Length);
            _queue.RemoveFirst();
        }
    }

    public PortStatistics ReadStatistics() => new()
    {
        Id = Spec.Id,
        SentBytes = _sentBytes,
        SentPackets = _sentPackets,
        ReceivedBytes = _receivedBytes,
        ReceivedPackets = _receivedPackets,
        RefusedPackets = _refused,
        DroppedPackets = _dropped,
        OpenSockets = Uplink.OpenSockets,
        Connected = Sockets.Connected,
    };

    public void Dispose()
    {
        Uplink?.Dispose();
        Sockets.Dispose();
    }

    private void CountDelivered(int length)
    {
        _receivedBytes += length;
        _receivedPackets++;
    }
}
