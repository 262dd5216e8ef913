using System.Buffers.Binary;
using System.Text;
using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices.Virtio.Console;

/// <summary>The console device with several ports (virtio 1.2 §5.3): the named channels of the guest agent and the boot report.</summary>
internal sealed class VirtioConsole : VirtioDevice
{
    private const ulong FeatureMultiport = 1UL << 1;
    private const int ControlReceive = 2;
    private const int ControlTransmit = 3;
    private const int ControlSize = 8;
    private const int PieceSize = 4096;

    // Control messages wait for the guest's buffers; a guest that asks for more than it reads gets no further answers.
    private const int ControlWaitingMax = 256;

    private readonly ConsolePort[] _ports;
    private readonly Queue<byte[]> _control = new();
    private readonly bool[] _toldOpen;
    private readonly bool[] _guestReady;
    private readonly byte[] _piece = new byte[PieceSize];

    /// <param name="ports">With numbers 1 and up, each once.</param>
    internal VirtioConsole(IReadOnlyList<ConsolePort> ports)
    {
        _ports = [.. ports.OrderBy(port => port.Number)];
        if (_ports.Length == 0 || _ports[0].Number < 1 || _ports.DistinctBy(port => port.Number).Count() != _ports.Length
            || _ports[^1].Number > 30)
        {
            throw new ArgumentException("Ports have numbers 1 to 30, each once.", nameof(ports));
        }

        _toldOpen = new bool[_ports[^1].Number + 1];
        _guestReady = new bool[_ports[^1].Number + 1];
        foreach (ConsolePort port in _ports)
        {
            port.Changed = changed => Kick(ReceiveQueueOf(changed.Number));
        }
    }

    private enum ControlEvent : ushort
    {
        DeviceReady = 0,
        DeviceAdd = 1,
        PortReady = 3,
        PortOpen = 6,
        PortName = 7,
    }

    internal override uint DeviceId => 3;

    internal override ulong Features => FeatureMultiport;

    // Port 0's two queues are always there, then the two for control, then two for each further port.
    internal override int QueueCount => 4 + 2 * _ports[^1].Number;

    private uint PortsMax => (uint)_ports[^1].Number + 1;

    internal override byte ReadConfiguration(int offset) => offset is >= 4 and < 8 ? (byte)(PortsMax >> (8 * (offset - 4))) : (byte)0;

    internal override void Process(int queue)
    {
        switch (queue)
        {
            case ControlReceive:
                SendControl();
                break;
            case ControlTransmit:
                TakeControl();
                break;
            default:
                if (PortOf(queue) is { } port)
                {
                    ProcessPort(port, queue);
                }

                break;
        }
    }

    internal override void Reset()
    {
        _control.Clear();
        Array.Clear(_toldOpen);
        Array.Clear(_guestReady);
        Array.ForEach(_ports, port => port.SetGuestOpen(false));
    }

    internal override void Save(StateWriter state)
    {
        state.U32((uint)_control.Count);
        foreach (byte[] message in _control)
        {
            state.Bytes(message);
        }

        foreach (ConsolePort port in _ports)
        {
            state.Text(port.Name);
            state.Flag(_toldOpen[port.Number]);
            state.Flag(_guestReady[port.Number]);
            port.Save(state);
        }
    }

    internal override void Load(StateReader state)
    {
        for (uint count = Math.Min(state.U32(), ControlWaitingMax); count > 0; count--)
        {
            _control.Enqueue(state.Bytes());
        }

        foreach (ConsolePort port in _ports)
        {
            if (state.Text() is var name && name != port.Name)
            {
                throw new InvalidDataException($"The state has a port '{name}' where this machine has '{port.Name}'.");
            }

            _toldOpen[port.Number] = state.Flag();
            _guestReady[port.Number] = state.Flag();
            port.Load(state);
        }
    }

    private void ProcessPort(ConsolePort port, int queue)
    {
        bool transmit = (queue & 1) != 0;
        if (transmit)
        {
            Transmit(port, queue);
            return;
        }

        TellOpen(port);
        while (port.HasInput && Queues[queue].Pop() is { } chain)
        {
            int count = port.Take(_piece.AsSpan(0, (int)Math.Min(PieceSize, chain.WritableBytes)));
            chain.Write(0, _piece.AsSpan(0, count));
            Complete(queue, chain);
        }
    }

    private void Transmit(ConsolePort port, int queue)
    {
        while (Queues[queue].Pop() is { } chain)
        {
            for (long done = 0; done < chain.ReadableBytes; done += PieceSize)
            {
                port.Write(_piece.AsSpan(0, chain.Read(done, _piece)));
            }

            Complete(queue, chain);
        }
    }

    private void TakeControl()
    {
        Span<byte> message = stackalloc byte[ControlSize];
        while (Queues[ControlTransmit].Pop() is { } chain)
        {
            if (chain.Read(0, message) == ControlSize)
            {
                uint id = BinaryPrimitives.ReadUInt32LittleEndian(message);
                var kind = (ControlEvent)BinaryPrimitives.ReadUInt16LittleEndian(message[4..]);
                Answer(id, kind, BinaryPrimitives.ReadUInt16LittleEndian(message[6..]) != 0);
            }

            Complete(ControlTransmit, chain);
        }

        SendControl();
    }

    private void Answer(uint id, ControlEvent kind, bool value)
    {
        if (kind == ControlEvent.DeviceReady)
        {
            foreach (ConsolePort each in value ? _ports : [])
            {
                Control((uint)each.Number, ControlEvent.DeviceAdd, 1, []);
            }

            return;
        }

        ConsolePort? port = Array.Find(_ports, each => (uint)each.Number == id);
        if (port is null)
        {
            return;
        }

        switch (kind)
        {
            case ControlEvent.PortReady when value:
                Control(id, ControlEvent.PortName, 1, Encoding.ASCII.GetBytes(port.Name));
                _guestReady[id] = true;
                TellOpen(port);
                break;
            case ControlEvent.PortOpen:
                port.SetGuestOpen(value);
                break;
        }
    }

    /// <summary>Tells the guest that the host's end of a port was opened or closed, once the guest knows the port.</summary>
    private void TellOpen(ConsolePort port)
    {
        bool open = port.HostOpen;
        if (_guestReady[port.Number] && _toldOpen[port.Number] != open)
        {
            _toldOpen[port.Number] = open;
            Control((uint)port.Number, ControlEvent.PortOpen, open ? (ushort)1 : (ushort)0, []);
            SendControl();
        }
    }

    private void Control(uint id, ControlEvent kind, ushort value, ReadOnlySpan<byte> tail)
    {
        if (_control.Count >= ControlWaitingMax)
        {
            return;
        }

        byte[] message = new byte[ControlSize + tail.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(message, id);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(4), (ushort)kind);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(6), value);
        tail.CopyTo(message.AsSpan(ControlSize));
        _control.Enqueue(message);
    }

    private void SendControl()
    {
        while (_control.Count > 0 && Queues[ControlReceive].Pop() is { } chain)
        {
            chain.Write(0, _control.Dequeue());
            Complete(ControlReceive, chain);
        }
    }

    private ConsolePort? PortOf(int queue)
    {
        int number = queue < 2 ? 0 : (queue - 2) / 2;
        return Array.Find(_ports, port => port.Number == number);
    }

    private static int ReceiveQueueOf(int number) => 2 + 2 * number;
}
