using Cloud.Vmm.RiscV.Boot;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Devices;
using Cloud.Vmm.RiscV.Devices.Virtio;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV;

/// <summary>
/// The board: harts, memory, devices, wired as QEMU's virt machine is. It is made stopped; what the guest asks of it (power off, reset)
/// comes to
/// <see cref="Ended"/> once the harts have stopped.
/// </summary>
internal sealed class Machine : IDisposable
{
    private readonly IBusDevice[] _devices;
    private readonly BootLoader _boot;
    private readonly GuestRam _rom;
    private readonly IHartScheduler _scheduler;
    private readonly Rtc _rtc;
    private readonly VirtioMmio[] _slots;
    private int _ending;

    /// <exception cref="ArgumentException">The options ask for what the board cannot be.</exception>
    /// <exception cref="InvalidDataException">An image cannot be loaded.</exception>
    internal Machine(MachineOptions options)
    {
        if (options.Harts is < 1 or > MachineOptions.HartsMax)
        {
            throw new ArgumentException($"A board has 1 to {MachineOptions.HartsMax} harts.", nameof(options));
        }

        Ram = new GuestRam(MemoryMap.Ram, options.MemoryBytes);
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
        var clint = new Clint(Harts, clock);
        var finisher = new TestFinisher(End);
        Bus.Map(MemoryMap.Uart, MemoryMap.UartSize, Uart);
        Bus.Map(MemoryMap.Plic, MemoryMap.PlicSize, Plic);
        Bus.Map(MemoryMap.Clint, MemoryMap.ClintSize, clint);
        Bus.Map(MemoryMap.TestFinisher, MemoryMap.PageSize, finisher);
        Bus.Map(MemoryMap.Rtc, MemoryMap.PageSize, _rtc);
        _slots = PlugVirtio(options);
        _devices = [Uart, clint, finisher, _rtc, .. _slots, Plic];
        _boot = new BootLoader(options, Ram, _rom);
        Reset();
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

    internal void Start() => _scheduler.Start();

    /// <summary>Stops the harts; when it returns none runs. <see cref="Start"/> goes on.</summary>
    internal void Stop() => _scheduler.Stop();

    /// <summary>Everything as after power-on, images loaded anew; the harts are stopped.</summary>
    internal void Reset()
    {
        Array.ForEach(_devices, device => device.Reset());
        _boot.Load();
        Array.ForEach(Harts, hart => hart.Reset(MemoryMap.BootRom));
        Interlocked.Exchange(ref _ending, 0);
    }

    public void Dispose()
    {
        _scheduler.Dispose();
        Array.ForEach(_slots, slot => slot.Dispose());
        _rtc.Dispose();
        Array.ForEach(Harts, hart => hart.Dispose());
        Ram.Dispose();
        _rom.Dispose();
    }

    private VirtioMmio[] PlugVirtio(MachineOptions options)
    {
        if (options.Virtio.Count > MemoryMap.VirtioSlots)
        {
            throw new ArgumentException(
                $"The board has {MemoryMap.VirtioSlots} virtio slots, {options.Virtio.Count} devices want one.", nameof(options));
        }

        var slots = new VirtioMmio[MemoryMap.VirtioSlots];
        for (int slot = 0; slot < slots.Length; slot++)
        {
            // As on QEMU's board the first device takes the highest slot.
            int index = slots.Length - 1 - slot;
            VirtioDevice? device = index < options.Virtio.Count ? options.Virtio[index](Ram) : null;
            slots[slot] = new VirtioMmio(Ram, new InterruptLine(Plic, MemoryMap.VirtioInterrupt + slot), device, options.Deterministic);
            Bus.Map(MemoryMap.Virtio + (ulong)slot * MemoryMap.PageSize, MemoryMap.PageSize, slots[slot]);
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
            _scheduler.Stop();
            Ended?.Invoke(end);
        });
    }
}
