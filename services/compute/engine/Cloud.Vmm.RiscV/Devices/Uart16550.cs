using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices;

// Register map (NS16550A, one byte each):
//   0 RBR (read), THR (write), DLL with LCR.DLAB    1 IER, DLM with LCR.DLAB    2 IIR (read), FCR (write)
//   3 LCR    4 MCR    5 LSR    6 MSR    7 SCR

/// <summary>
/// The first serial port. What the guest writes leaves at once, so the transmitter is always empty; input waits in a bounded queue.
/// </summary>
internal sealed class Uart16550(InterruptLine line, Action<byte> transmit) : IBusDevice
{
    private const byte DataReady = 0x01;
    private const byte TransmitterEmpty = 0x60;
    private const byte ReceiveInterrupt = 1;
    private const byte TransmitInterrupt = 2;
    private const byte DivisorLatch = 0x80;
    private const byte Loopback = 0x10;
    private const byte FifoEnabled = 0xC0;

    // What the guest has not read yet; more is refused, so that a terminal's paste waits at its sender.
    private const int InputMax = 64 * 1024;

    private readonly Lock _lock = new();
    private readonly Queue<byte> _input = new();
    private byte _interruptEnable;
    private byte _lineControl;
    private byte _modemControl;
    private byte _scratch;
    private byte _divisorLow;
    private byte _divisorHigh;
    private bool _fifo;

    // The transmitter's interrupt is raised by a write or by its being enabled, and put down by reading IIR.
    private bool _transmitPending;

    private enum Registers : ulong
    {
        Data = 0,
        InterruptEnable = 1,
        InterruptIdentity = 2,
        LineControl = 3,
        ModemControl = 4,
        LineStatus = 5,
        ModemStatus = 6,
        Scratch = 7,
    }

    /// <summary>Told when the guest has read input, so that more may be offered.</summary>
    internal Action? InputTaken { get; set; }

    public bool Read(ulong offset, int sizeLog2, out ulong value)
    {
        value = 0;
        if (sizeLog2 != 0)
        {
            return false;
        }

        bool taken;
        lock (_lock)
        {
            int before = _input.Count;
            value = ReadRegister((Registers)offset);
            taken = _input.Count < before;
            Update();
        }

        if (taken)
        {
            InputTaken?.Invoke();
        }

        return true;
    }

    public bool Write(ulong offset, int sizeLog2, ulong value)
    {
        if (sizeLog2 != 0)
        {
            return false;
        }

        lock (_lock)
        {
            WriteRegister((Registers)offset, (byte)value);
            Update();
        }

        return true;
    }

    public void Reset()
    {
        lock (_lock)
        {
            _input.Clear();
            (_interruptEnable, _lineControl, _modemControl, _scratch) = (0, 0, 0, 0);
            (_divisorLow, _divisorHigh) = (0, 0);
            (_fifo, _transmitPending) = (false, false);
            Update();
        }
    }

    public void Save(StateWriter state)
    {
        lock (_lock)
        {
            state.Bytes([.. _input]);
            state.Bytes([_interruptEnable, _lineControl, _modemControl, _scratch, _divisorLow, _divisorHigh]);
            state.Flag(_fifo);
            state.Flag(_transmitPending);
        }
    }

    public void Load(StateReader state)
    {
        lock (_lock)
        {
            _input.Clear();
            Array.ForEach(state.Bytes(), _input.Enqueue);
            if (state.Bytes() is not [var enable, var line, var modem, var scratch, var low, var high])
            {
                throw new InvalidDataException("The state has a serial port of other registers.");
            }

            (_interruptEnable, _lineControl, _modemControl, _scratch) = (enable, line, modem, scratch);
            (_divisorLow, _divisorHigh) = (low, high);
            _fifo = state.Flag();
            _transmitPending = state.Flag();
            Update();
        }
    }

    /// <summary>Offers input; returns how much was taken. From any thread.</summary>
    internal int Receive(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            int taken = Math.Min(bytes.Length, InputMax - _input.Count);
            foreach (byte value in bytes[..taken])
            {
                _input.Enqueue(value);
            }

            Update();
            return taken;
        }
    }

    private byte ReadRegister(Registers register)
    {
        bool latch = (_lineControl & DivisorLatch) != 0;
        switch (register)
        {
            case Registers.Data when latch:
                return _divisorLow;
            case Registers.Data:
                return _input.TryDequeue(out byte value) ? value : (byte)0;
            case Registers.InterruptEnable:
                return latch ? _divisorHigh : _interruptEnable;
            case Registers.InterruptIdentity:
                byte identity = Identity();
                _transmitPending &= identity != 2;
                return (byte)(identity | (_fifo ? FifoEnabled : 0));
            case Registers.LineControl:
                return _lineControl;
            case Registers.ModemControl:
                return _modemControl;
            case Registers.LineStatus:
                return (byte)(TransmitterEmpty | (_input.Count > 0 ? DataReady : 0));
            case Registers.ModemStatus:
                // Carrier, data set ready and clear to send; in loopback what the modem control register says.
                return (_modemControl & Loopback) == 0
                    ? (byte)0xB0
                    : (byte)((_modemControl & 0x0C) << 4 | (_modemControl & 0x02) << 3 | (_modemControl & 0x01) << 5);
            case Registers.Scratch:
                return _scratch;
            default:
                return 0;
        }
    }

    private void WriteRegister(Registers register, byte value)
    {
        bool latch = (_lineControl & DivisorLatch) != 0;
        switch (register)
        {
            case Registers.Data when latch:
                _divisorLow = value;
                break;
            case Registers.Data:
                if ((_modemControl & Loopback) == 0)
                {
                    transmit(value);
                }
                else if (_input.Count < InputMax)
                {
                    _input.Enqueue(value);
                }

                _transmitPending = true;
                break;
            case Registers.InterruptEnable when latch:
                _divisorHigh = value;
                break;
            case Registers.InterruptEnable:
                _transmitPending |= (value & ~_interruptEnable & TransmitInterrupt) != 0;
                _interruptEnable = (byte)(value & 0x0F);
                break;
            case Registers.InterruptIdentity:
                _fifo = (value & 1) != 0;
                if ((value & 2) != 0)
                {
                    _input.Clear();
                }

                break;
            case Registers.LineControl:
                _lineControl = value;
                break;
            case Registers.ModemControl:
                _modemControl = (byte)(value & 0x1F);
                break;
            case Registers.Scratch:
                _scratch = value;
                break;
        }
    }

    /// <summary>The interrupt of the highest priority, as IIR names it; 1 for none.</summary>
    private byte Identity()
    {
        if ((_interruptEnable & ReceiveInterrupt) != 0 && _input.Count > 0)
        {
            return 4;
        }

        return (_interruptEnable & TransmitInterrupt) != 0 && _transmitPending ? (byte)2 : (byte)1;
    }

    private void Update() => line.Set(Identity() != 1);
}
