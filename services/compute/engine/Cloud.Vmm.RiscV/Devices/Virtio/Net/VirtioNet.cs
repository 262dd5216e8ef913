using System.Buffers.Binary;
using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices.Virtio.Net;

/// <summary>
/// The network device (virtio 1.2 §5.1), a receive and a transmit queue and no offloads: a buffer is a header and one Ethernet frame.
/// </summary>
internal sealed class VirtioNet : VirtioDevice
{
    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;
    private const int HeaderSize = 12;
    private const int MacSize = 6;
    private const ulong FeatureMac = 1UL << 5;
    private const ulong FeatureStatus = 1UL << 16;
    private const byte LinkUp = 1;

    /// <summary>An Ethernet frame with a VLAN tag and without its check sequence.</summary>
    internal const int FrameMax = 1518;

    // What waits for the guest's buffers; more is dropped, as a full card drops.
    private const int FramesWaitingMax = 512;

    private readonly byte[] _mac;
    private readonly SendFrame _send;
    private readonly Queue<byte[]> _waiting = new();
    private readonly byte[] _frame = new byte[FrameMax];

    /// <param name="mac">Six octets.</param>
    /// <param name="send">Takes each frame that the guest sends; on the device's worker.</param>
    internal VirtioNet(byte[] mac, SendFrame send)
    {
        if (mac.Length != MacSize)
        {
            throw new ArgumentException("A MAC address has six octets.", nameof(mac));
        }

        _mac = mac;
        _send = send;
    }

    internal override uint DeviceId => 1;

    internal override ulong Features => FeatureMac | FeatureStatus;

    internal override int QueueCount => 2;

    /// <summary>Offers a frame to the guest; from any thread. Dropped where too many wait, or where it is no frame.</summary>
    internal void Receive(ReadOnlySpan<byte> frame)
    {
        if (frame.Length is < 14 or > FrameMax)
        {
            return;
        }

        lock (_waiting)
        {
            if (_waiting.Count >= FramesWaitingMax)
            {
                return;
            }

            _waiting.Enqueue(frame.ToArray());
        }

        Kick(ReceiveQueue);
    }

    internal override void Process(int queue)
    {
        if (queue == ReceiveQueue)
        {
            Deliver();
            return;
        }

        while (Queues[TransmitQueue].Pop() is { } chain)
        {
            int size = chain.Read(HeaderSize, _frame);
            if (size > 0 && chain.ReadableBytes <= HeaderSize + FrameMax)
            {
                _send(_frame.AsSpan(0, size));
            }

            Complete(TransmitQueue, chain);
        }
    }

    internal override void Reset()
    {
        lock (_waiting)
        {
            _waiting.Clear();
        }
    }

    internal override void Save(StateWriter state)
    {
        lock (_waiting)
        {
            state.U32((uint)_waiting.Count);
            foreach (byte[] frame in _waiting)
            {
                state.Bytes(frame);
            }
        }
    }

    internal override void Load(StateReader state)
    {
        for (uint count = state.U32(); count > 0; count--)
        {
            Receive(state.Bytes());
        }
    }

    internal override byte ReadConfiguration(int offset) => offset switch
    {
        < MacSize => _mac[offset],
        MacSize => LinkUp,
        _ => 0,
    };

    private void Deliver()
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        header.Clear();

        // num_buffers: a frame takes one.
        BinaryPrimitives.WriteUInt16LittleEndian(header[10..], 1);
        while (HasWaiting() && Queues[ReceiveQueue].Pop() is { } chain)
        {
            byte[] frame;
            lock (_waiting)
            {
                frame = _waiting.Dequeue();
            }

            if (chain.WritableBytes >= HeaderSize + frame.Length)
            {
                chain.Write(0, header);
                chain.Write(HeaderSize, frame);
            }

            Complete(ReceiveQueue, chain);
        }
    }

    private bool HasWaiting()
    {
        lock (_waiting)
        {
            return _waiting.Count > 0;
        }
    }
}

/// <summary>Sends an Ethernet frame; what cannot be sent is lost, as on a wire.</summary>
internal delegate void SendFrame(ReadOnlySpan<byte> frame);
