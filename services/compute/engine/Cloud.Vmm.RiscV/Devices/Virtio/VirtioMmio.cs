using Cloud.Vmm.RiscV.Memory;
using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices.Virtio;

// Register map (virtio 1.2 §4.2.2, version 2): the enum below; the device's configuration space from 0x100.

/// <summary>A virtio-mmio slot: the registers of one device, or of none (device type 0, which drivers pass over).</summary>
internal sealed class VirtioMmio : IBusDevice, IDisposable
{
    private const uint MagicValue = 0x74726976;
    private const uint Vendor = 0x554D4551;
    private const ulong FeatureVersion1 = 1UL << 32;
    private const ulong FeatureIndirect = 1UL << 28;
    private const uint StatusDriverOk = 4;
    private const uint StatusNeedsReset = 64;
    private const ushort QueueSizeMost = 256;
    private const uint InterruptUsed = 1;
    private const uint InterruptConfiguration = 2;

    private readonly Lock _lock = new();
    private readonly InterruptLine _line;
    private readonly VirtioDevice? _device;
    private readonly VirtioWorker? _worker;
    private uint _featureSelect;
    private uint _driverFeatureSelect;
    private uint _queueSelect;
    private uint _status;
    private uint _interrupts;
    private uint _generation;

    /// <param name="inline">Whether queues are processed on the thread that notifies, as a deterministic machine needs it.</param>
    internal VirtioMmio(GuestRam ram, InterruptLine line, VirtioDevice? device, bool inline)
    {
        _line = line;
        _device = device;
        if (device is null)
        {
            return;
        }

        Queues = [.. Enumerable.Range(0, device.QueueCount).Select(_ => new Virtqueue(ram, QueueSizeMost))];
        _worker = new VirtioWorker(Process, inline);
        device.Plug(this);
    }

    private enum Registers : ulong
    {
        Magic = 0x000,
        Version = 0x004,
        DeviceId = 0x008,
        VendorId = 0x00C,
        DeviceFeatures = 0x010,
        DeviceFeaturesSelect = 0x014,
        DriverFeatures = 0x020,
        DriverFeaturesSelect = 0x024,
        QueueSelect = 0x030,
        QueueSizeMax = 0x034,
        QueueSize = 0x038,
        QueueReady = 0x044,
        QueueNotify = 0x050,
        InterruptStatus = 0x060,
        InterruptAcknowledge = 0x064,
        Status = 0x070,
        DescriptorsLow = 0x080,
        DescriptorsHigh = 0x084,
        AvailableLow = 0x090,
        AvailableHigh = 0x094,
        UsedLow = 0x0A0,
        UsedHigh = 0x0A4,
        SharedLengthLow = 0x0B0,
        SharedLengthHigh = 0x0B4,
        ConfigurationGeneration = 0x0FC,
        Configuration = 0x100,
    }

    internal Virtqueue[] Queues { get; } = [];

    internal ulong Negotiated { get; private set; }

    private bool Live => (_status & (StatusDriverOk | StatusNeedsReset)) == StatusDriverOk;

    private Virtqueue? Selected => _queueSelect < (uint)Queues.Length ? Queues[_queueSelect] : null;

    private ulong Offered => (_device?.Features ?? 0) | FeatureVersion1 | FeatureIndirect;

    public bool Read(ulong offset, int sizeLog2, out ulong value)
    {
        value = 0;
        if (offset >= (ulong)Registers.Configuration)
        {
            for (int i = (1 << sizeLog2) - 1; i >= 0; i--)
            {
                value = value << 8 | (_device?.ReadConfiguration((int)(offset - (ulong)Registers.Configuration) + i) ?? 0U);
            }

            return true;
        }

        if (sizeLog2 != 2)
        {
            return false;
        }

        lock (_lock)
        {
            value = ReadRegister((Registers)offset);
        }

        return true;
    }

    public bool Write(ulong offset, int sizeLog2, ulong value)
    {
        if (offset >= (ulong)Registers.Configuration)
        {
            for (int i = 0; i < 1 << sizeLog2; i++)
            {
                _device?.WriteConfiguration((int)(offset - (ulong)Registers.Configuration) + i, (byte)(value >> (8 * i)));
            }

            return true;
        }

        if (sizeLog2 != 2)
        {
            return false;
        }

        // These two reach the device, which must not be called under the lock: its worker takes it to give buffers back.
        switch ((Registers)offset)
        {
            case Registers.QueueNotify:
                Kick((int)Math.Min(value, int.MaxValue));
                return true;
            case Registers.Status when (uint)value == 0:
                Reset();
                return true;
        }

        lock (_lock)
        {
            WriteRegister((Registers)offset, (uint)value);
        }

        if ((Registers)offset == Registers.Status && ((uint)value & StatusDriverOk) != 0)
        {
            // What was made available before, and what the device has waited with.
            KickAll();
        }

        return true;
    }

    /// <summary>Brings the slot and its device to the state after power-on; no processing runs meanwhile.</summary>
    public void Reset()
    {
        if (_worker is null)
        {
            return;
        }

        _worker.Exclude(() =>
        {
            lock (_lock)
            {
                (_status, _interrupts, Negotiated) = (0, 0, 0);
                (_featureSelect, _driverFeatureSelect, _queueSelect) = (0, 0, 0);
                Array.ForEach(Queues, queue => queue.Reset());
                _line.Set(false);
            }

            _device?.Reset();
        });
    }

    public void Save(StateWriter state)
    {
        lock (_lock)
        {
            state.U32(_device?.DeviceId ?? 0);
            state.Words([_featureSelect, _driverFeatureSelect, _queueSelect, _status, _interrupts, _generation]);
            state.U64(Negotiated);
            state.U32((uint)Queues.Length);
            Array.ForEach(Queues, queue => queue.Save(state));
            _device?.Save(state);
        }
    }

    public void Load(StateReader state)
    {
        lock (_lock)
        {
            uint device = state.U32();
            if (device != (_device?.DeviceId ?? 0))
            {
                throw new InvalidDataException($"The state has a virtio device of type {device} where this machine has another.");
            }

            (_featureSelect, _driverFeatureSelect, _queueSelect) = (state.U32(), state.U32(), state.U32());
            (_status, _interrupts, _generation) = (state.U32(), state.U32(), state.U32());
            Negotiated = state.U64() & Offered;
            if (state.U32() != Queues.Length)
            {
                throw new InvalidDataException("The state has a virtio device with other queues.");
            }

            Array.ForEach(Queues, queue => queue.Load(state));
            _device?.Load(state);
            _line.Set(_interrupts != 0);
        }
    }

    /// <summary>Processes nothing until <see cref="Resume"/>; when it returns, nothing is being processed.</summary>
    internal void Pause() => _worker?.Pause();

    /// <summary>Goes on, with all that came meanwhile.</summary>
    internal void Resume()
    {
        _device?.Started();
        _worker?.Resume();
        KickAll();
    }

    /// <summary>Asks for a queue to be processed; from any thread.</summary>
    internal void Kick(int queue)
    {
        if (queue < Queues.Length)
        {
            _worker?.Kick(queue);
        }
    }

    /// <summary>Puts a buffer into its queue's used ring and interrupts where the driver wants it.</summary>
    internal void Complete(int queue, DescriptorChain chain)
    {
        lock (_lock)
        {
            if (Queues[queue].Push(chain))
            {
                Raise(InterruptUsed);
            }
        }
    }

    internal void ConfigurationChanged()
    {
        lock (_lock)
        {
            _generation++;
            if (Live)
            {
                Raise(InterruptConfiguration);
            }
        }
    }

    /// <summary>Runs something while the device processes nothing.</summary>
    internal void Exclude(Action action) =>
        (_worker ?? throw new InvalidOperationException("An empty slot has no worker.")).Exclude(action);

    public void Dispose() => _worker?.Dispose();

    private void KickAll()
    {
        for (int queue = 0; queue < Queues.Length; queue++)
        {
            Kick(queue);
        }
    }

    private void Process(int queue)
    {
        if (!Live)
        {
            return;
        }

        try
        {
            _device!.Process(queue);
        }
        catch (BrokenQueueException)
        {
            // virtio 1.2 §2.1.2: the device says that it needs a reset and does nothing more until then.
            lock (_lock)
            {
                _status |= StatusNeedsReset;
                Raise(InterruptConfiguration);
            }
        }
    }

    private uint ReadRegister(Registers register) => register switch
    {
        Registers.Magic => MagicValue,
        Registers.Version => 2,
        Registers.DeviceId => _device?.DeviceId ?? 0,
        Registers.VendorId => Vendor,
        Registers.DeviceFeatures => _featureSelect < 2 ? (uint)(Offered >> (int)(32 * _featureSelect)) : 0,
        Registers.QueueSizeMax => Selected?.SizeMax ?? 0U,
        Registers.QueueReady => Selected is { Ready: true } ? 1U : 0,
        Registers.InterruptStatus => _interrupts,
        Registers.Status => _status,
        Registers.SharedLengthLow or Registers.SharedLengthHigh => uint.MaxValue,
        Registers.ConfigurationGeneration => _generation,
        _ => 0,
    };

    private void WriteRegister(Registers register, uint value)
    {
        switch (register)
        {
            case Registers.DeviceFeaturesSelect:
                _featureSelect = value;
                break;
            case Registers.DriverFeaturesSelect:
                _driverFeatureSelect = value;
                break;
            case Registers.DriverFeatures when _driverFeatureSelect < 2:
                int shift = (int)(32 * _driverFeatureSelect);
                Negotiated = (Negotiated & ~(0xFFFFFFFFUL << shift) | (ulong)value << shift) & Offered;
                break;
            case Registers.InterruptAcknowledge:
                _interrupts &= ~value;
                _line.Set(_interrupts != 0);
                break;
            case Registers.Status:
                _status = value & 0xFF;
                break;
            case Registers.QueueSelect:
                _queueSelect = value;
                break;
            default:
                WriteQueue(register, value);
                break;
        }
    }

    private void WriteQueue(Registers register, uint value)
    {
        // The parts of a queue stand still while it is ready.
        if (Selected is not { } queue || queue.Ready && register != Registers.QueueReady)
        {
            return;
        }

        switch (register)
        {
            case Registers.QueueSize:
                queue.SetSize(value);
                break;
            case Registers.QueueReady:
                queue.SetReady((value & 1) != 0);
                break;
            case Registers.DescriptorsLow:
                queue.Descriptors = queue.Descriptors >> 32 << 32 | value;
                break;
            case Registers.DescriptorsHigh:
                queue.Descriptors = (uint)queue.Descriptors | (ulong)value << 32;
                break;
            case Registers.AvailableLow:
                queue.Available = queue.Available >> 32 << 32 | value;
                break;
            case Registers.AvailableHigh:
                queue.Available = (uint)queue.Available | (ulong)value << 32;
                break;
            case Registers.UsedLow:
                queue.Used = queue.Used >> 32 << 32 | value;
                break;
            case Registers.UsedHigh:
                queue.Used = (uint)queue.Used | (ulong)value << 32;
                break;
        }
    }

    private void Raise(uint interrupt)
    {
        _interrupts |= interrupt;
        _line.Set(true);
    }
}
