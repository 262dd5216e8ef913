using Cloud.Vmm.RiscV.Boot;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Debug;
using Cloud.Vmm.RiscV.Devices;
using Cloud.Vmm.RiscV.Devices.Virtio;
using Cloud.Vmm.RiscV.Memory;
using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV;

/// <summary>
/// The board: harts, memory, devices, wired as QEMU's virt machine is. It is made stopped; what the guest asks of it (power off, reset)
/// comes to
/// <see cref="Ended"/> once the harts have stopped.
/// </summary>
internal sealed class Machine : IDisposable
{
    /// <summary>Of each section of a saved state; raised when what one holds changes.</summary>
    private const int StateVersion = 1;

    private readonly IBusDevice[] _devices;
    private readonly BootLoader _boot;
    private readonly GuestRam _rom;
    private readonly IHartScheduler _scheduler;
    private readonly Rtc _rtc;
    private readonly Clint _clint;
    private readonly VirtioMmio[] _slots;
    private readonly Lock _life = new();
    private bool _disposed;
    private int _ending;

    /// <exception cref="ArgumentException">The options ask for what the board cannot be.</exception>
    /// <exception cref="InvalidDataException">An image cannot be loaded.</exception>
    internal Machine(MachineOptions options)
    {
        if (options.Harts is < 1 or > MachineOptions.HartsMax)
        {
            throw new ArgumentException($"A board has 1 to {MachineOptions.HartsMax} harts.", nameof(options));
        }

        Ram = new GuestRam(MemoryMap.Ram, options.MemoryBytes, options.Memory);
        _rom = new GuestRam(MemoryMap.BootRom, MemoryMap.BootRomSize);
        Bus = new SystemBus(Ram);
        Bus.MapRom(_rom);
        var rounds = new HartRounds();
        var hostClock = new HostClock();
        IClock clock = options.Deterministic ? rounds : hostClock;
        Harts = [.. Enumerable.Range(0, options.Harts).Select(id => new Hart(id, Bus, clock, options.Translate))];
        Array.ForEach(Harts, hart => hart.Peers = Harts);
        Ram.Code.Attach(Harts);
        Plic = new Plic(Harts);
        Uart = new Uart16550(new InterruptLine(Plic, MemoryMap.UartInterrupt), options.Console);
        _rtc = new Rtc(options.Time, new InterruptLine(Plic, MemoryMap.RtcInterrupt));
        _clint = new Clint(Harts, clock);
        var finisher = new TestFinisher(End);
        Bus.Map(MemoryMap.Uart, MemoryMap.UartSize, Uart);
        Bus.Map(MemoryMap.Plic, MemoryMap.PlicSize, Plic);
        Bus.Map(MemoryMap.Clint, MemoryMap.ClintSize, _clint);
        Bus.Map(MemoryMap.TestFinisher, MemoryMap.PageSize, finisher);
        Bus.Map(MemoryMap.Rtc, MemoryMap.PageSize, _rtc);
        _slots = PlugVirtio(options);
        _devices = [Uart, _clint, finisher, _rtc, .. _slots, Plic];
        _boot = new BootLoader(options, Ram, _rom);
        ResetDevices();
        if (!options.AwaitsState)
        {
            _boot.Load();
        }

        if (options.Deterministic)
        {
            rounds.Attach(Harts);
            _scheduler = rounds;
        }
        else
        {
            _scheduler = new HartThreads(Harts, hostClock);
        }
    }

    internal Hart[] Harts { get; }

    internal GuestRam Ram { get; }

    internal SystemBus Bus { get; }

    internal Plic Plic { get; }

    internal Uart16550 Uart { get; }

    /// <summary>Whether the guest has asked for an end that <see cref="Ended"/> may not have told yet.</summary>
    internal bool IsEnding => Volatile.Read(ref _ending) != 0;

    /// <summary>Called on a thread of the pool, with the harts stopped, when the guest has powered off or asked for a reset.</summary>
    internal Action<MachineEnd>? Ended { get; set; }

    internal void Start()
    {
        Array.ForEach(_slots, slot => slot.Resume());
        _scheduler.Start();
    }

    /// <summary>Stops harts and devices; when it returns none runs. <see cref="Start"/> goes on.</summary>
    internal void Stop()
    {
        _scheduler.Stop();
        Array.ForEach(_slots, slot => slot.Pause());
    }

    /// <summary>Everything as after power-on, images loaded anew; the harts are stopped.</summary>
    internal void Reset()
    {
        ResetDevices();
        _boot.Load();
        Interlocked.Exchange(ref _ending, 0);
    }

    /// <summary>What harts and devices are, without the memory; the machine stands still.</summary>
    internal byte[] SaveDevices()
    {
        var state = new StateWriter();
        state.U32((uint)Harts.Length);
        foreach (Hart hart in Harts)
        {
            state.Section($"hart {hart.Id}", StateVersion, hart.Save);
        }

        // From its start to its last byte that is not zero: the rest is as it was made.
        ReadOnlySpan<byte> rom = _rom.Range(_rom.Start, (int)_rom.Size);
        byte[] used = rom[..(rom.LastIndexOfAnyExcept((byte)0) + 1)].ToArray();
        state.Section("boot rom", StateVersion, part => part.Bytes(used));
        foreach ((string name, IBusDevice device) in Savable())
        {
            state.Section(name, StateVersion, device.Save);
        }

        return state.ToArray();
    }

    /// <summary>Takes in what <see cref="SaveDevices"/> wrote, of a machine like this one; it stands still, its memory is there.</summary>
    /// <exception cref="InvalidDataException">It does not fit.</exception>
    internal void LoadDevices(byte[] devices)
    {
        var state = new StateReader(devices);
        uint harts = state.U32();
        if (harts != Harts.Length)
        {
            throw new InvalidDataException($"The state is of a machine with {harts} harts; this one has {Harts.Length}.");
        }

        foreach (Hart hart in Harts)
        {
            state.Section($"hart {hart.Id}", StateVersion, hart.Load);
        }

        state.Section("boot rom", StateVersion, part =>
        {
            if (!_rom.Write(_rom.Start, part.Bytes()))
            {
                throw new InvalidDataException("The state's boot ROM does not fit.");
            }
        });
        foreach ((string name, IBusDevice device) in Savable())
        {
            state.Section(name, StateVersion, device.Load);
        }

        state.End();
    }

    public void Dispose()
    {
        // An end that a guest asked for may still be on its way to the pool's thread: it must find that the harts are gone.
        lock (_life)
        {
            _disposed = true;
            _scheduler.Dispose();
        }

        Array.ForEach(_slots, slot => slot.Dispose());
        _rtc.Dispose();
        Array.ForEach(Harts, hart => hart.Dispose());
        Ram.Dispose();
        _rom.Dispose();
    }

    /// <summary>Memory from an address as a hart sees it now, at most to its page's end; empty where there is none.</summary>
    internal unsafe ReadOnlySpan<byte> Readable(Hart hart, ulong address, int sizeMost)
    {
        ulong? physical = PageWalk.Of(hart, Bus, address).Physical;
        byte* host = physical is null ? null : Bus.ReadableAt(physical.Value);
        return host is null ? [] : new ReadOnlySpan<byte>(host, (int)Math.Min((ulong)sizeMost, 4096 - (address & 0xFFF)));
    }

    /// <summary>Writes memory as a hart sees it now, whatever the page allows; false where there is none.</summary>
    internal bool TryWrite(Hart hart, ulong address, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int count = (int)Math.Min((ulong)bytes.Length, 4096 - (address & 0xFFF));
            if (PageWalk.Of(hart, Bus, address).Physical is not { } physical || !Ram.Write(physical, bytes[..count]))
            {
                return false;
            }

            address += (ulong)count;
            bytes = bytes[count..];
        }

        return true;
    }

    private void ResetDevices()
    {
        Array.ForEach(_devices, device => device.Reset());
        Array.ForEach(Harts, hart => hart.Reset(MemoryMap.BootRom));
    }

    /// <summary>In the order of the state: the interrupt controller before those whose lines lead to it.</summary>
    private IEnumerable<(string Name, IBusDevice Device)> Savable() =>
    [
        ("plic", Plic), ("clint", _clint), ("uart", Uart), ("rtc", _rtc), .. _slots.Select((slot, index) => ($"virtio {index}", slot)),
    ];

    private VirtioMmio[] PlugVirtio(MachineOptions options)
    {
        if (options.Virtio.Count > MemoryMap.VirtioSlots)
        {
            throw new ArgumentException(
                $"The board has {MemoryMap.VirtioSlots} virtio slots, {options.Virtio.Count} devices want one.", nameof(options));
        }

        var slots = new VirtioMmio[MemoryMap.VirtioSlots];
        for (int place = 0; place < slots.Length; place++)
        {
            int slot = MemoryMap.VirtioSlot(place);
            VirtioDevice? device = place < options.Virtio.Count ? options.Virtio[place]?.Invoke(Ram) : null;
            var line = new InterruptLine(Plic, MemoryMap.VirtioInterruptOf(slot));
            slots[slot] = new VirtioMmio(Ram, line, device, options.Deterministic);
            Bus.Map(MemoryMap.VirtioAddress(slot), MemoryMap.PageSize, slots[slot]);
        }

        return slots;
    }

    private void End(MachineEnd end)
    {
        // A hart's thread is here: it is asked to stop, and the end told from another.
        if (Interlocked.Exchange(ref _ending, 1) != 0)
        {
            return;
        }

        _scheduler.RequestStop();
        ThreadPool.QueueUserWorkItem(_ =>
        {
            lock (_life)
            {
                if (_disposed)
                {
                    return;
                }

                _scheduler.Stop();
            }

            Ended?.Invoke(end);
        });
    }
}
