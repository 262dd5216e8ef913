using System.Net;
using System.Net.NetworkInformation;
using Cloud.Switch.Client;
using Cloud.Switch.Frames;
using Cloud.Switch.Nat;

namespace Cloud.Switch.Ports;

/// <summary>A guest's port: its sockets, its way out, what may come in, and counters. Only the loop touches it.</summary>
internal sealed class Port : IDisposable
{
    private const int BroadcastsPerSecond = 50;
    private const int RefusalsPerSecond = 50;

    /// <summary>Public: a bucket is a mutable struct.</summary>
    public TokenBucket Broadcasts = new(BroadcastsPerSecond);
    public TokenBucket Refusals = new(RefusalsPerSecond);

    private readonly FrameQueue _queue = new();
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
        Mac = Ethernet.ReadMac(PhysicalAddress.Parse(spec.MacAddress.Replace(':', '-')).GetAddressBytes());
        Address = (uint)IPAddress.NetworkToHostOrder(BitConverter.ToInt32(IPAddress.Parse(spec.Address).GetAddressBytes()));
    }

    public SwitchPort Spec { get; set; }

    public Network Network { get; }

    public PortSockets Sockets { get; }

    public ulong Mac { get; }

    public uint Address { get; }

    /// <summary>The host name as DNS compares it.</summary>
    public string Name => Spec.HostName.ToLowerInvariant();

    /// <summary>Set once the port is whole.</summary>
    public Uplink Uplink { get; set; } = null!;

    /// <summary>Frames wait for room.</summary>
    public bool Waits => _queue.Count > 0;

    public void CountFromGuest(int length)
    {
        _sentBytes += length;
        _sentPackets++;
    }

    public void CountRefused() => _refused++;

    /// <summary>Sends a frame to the guest, now or when there is room, or drops it.</summary>
    public void Deliver(ReadOnlySpan<byte> frame, long now)
    {
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
