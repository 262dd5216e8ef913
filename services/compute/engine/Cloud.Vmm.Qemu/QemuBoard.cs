namespace Cloud.Vmm.Qemu;

/// <summary>What differs between the boards that guests are built on.</summary>
internal abstract class QemuBoard
{
    public static QemuBoard For(VmEngine engine, VmArchitecture architecture) => (engine, architecture) switch
    {
        (VmEngine.Simulation, _) => new SimulatedBoard(),
        (_, VmArchitecture.RiscV64) => new RiscV64Board(),
        _ => new X64Board(),
    };

    public abstract string Machine { get; }

    /// <summary>Arguments that make the buses later arguments use.</summary>
    public abstract IReadOnlyList<string> Buses { get; }

    /// <summary>Tells the host of a panic of the guest's kernel, where that has the driver; null where the board has none.</summary>
    public abstract string? PanicDevice { get; }

    public abstract bool HasOptionRoms { get; }

    /// <summary>The CPU that emulation builds.</summary>
    public abstract string EmulatedCpu { get; }

    /// <summary>
    /// The CPUs to offer a guest that runs on the host's own, best first: there are hosts whose own cannot be offered whole.
    /// </summary>
    public abstract IReadOnlyList<string> HardwareCpus { get; }

    /// <summary>QEMU's name of a virtio device on this board.</summary>
    public abstract string Virtio(string device);

    public virtual string Disk(int index) => Virtio("blk");

    /// <summary>QEMU's name of a disk that comes, and may go, while the machine runs; null on a board where none can.</summary>
    public virtual string? LateDisk => null;

    /// <summary>The buses that a late disk takes one of, alone; none where any slot will do.</summary>
    public virtual IReadOnlyList<string> LateBuses => [];

    /// <summary>After how long a guest that still has a disk is asked once more: while it booted, it heard nothing.</summary>
    public virtual TimeSpan AskAgain => TimeSpan.FromSeconds(2);

    /// <summary>Whether a reset takes a disk away that the guest was asked to let go of.</summary>
    public virtual bool ResetTakesDisks => true;

    /// <summary>How many drives the board has for disks to come into, besides those that hold one at its start.</summary>
    public virtual int EmptyDrives(int disks, int nics) => 0;

    /// <summary>QEMU's name of the guest's memory in a saved state.</summary>
    public abstract string MemoryName { get; }

    /// <summary>The bus of a disk, where it matters.</summary>
    public virtual string? DiskBus(int index) => null;
}

/// <summary>The PC of 1996 that every x86-64 system knows (i440FX): it boots fastest of those with PCI hot-plug.</summary>
internal sealed class X64Board : QemuBoard
{
    // Neither a second copy of the guest in a core dump, nor pages shared with other guests, whose timing tells of them.
    public override string Machine => "pc,mem-merge=off,dump-guest-core=off";

    public override IReadOnlyList<string> Buses => [];

    public override string? PanicDevice => "pvpanic";

    public override bool HasOptionRoms => true;

    // The x86-64-v2 that distributions are built for; the plain qemu64 lacks half of it.
    public override string EmulatedCpu => "qemu64,-svm,+ssse3,+sse4.1,+sse4.2,+popcnt";

    public override IReadOnlyList<string> HardwareCpus => ["host", "qemu64"];

    public override string Virtio(string device) => $"virtio-{device}-pci";

    public override string? LateDisk => Virtio("blk");

    public override string MemoryName => "pc.ram";
}

/// <summary>
/// QEMU's own RISC-V board. Its virtio-mmio slots need no PCI driver in the guest, and what is in them stays there: the first disk, and all
/// devices but disks. PCI Express root ports take the others, which come and go while it runs: the guest is asked as by the button at a
/// slot, and lets go five seconds later (PCI Express Base Specification, 6.7.1.5).
/// </summary>
internal class RiscV64Board : QemuBoard
{
    private const int RootPorts = 12;

    private static readonly string[] Ports = Enumerable.Range(0, RootPorts).Select(port => $"port{port}").ToArray();

    public override string Machine => "virt,mem-merge=off,dump-guest-core=off";

    public override IReadOnlyList<string> Buses { get; } = Ports
        .SelectMany((port, at) => new[] { "-device", $"pcie-root-port,id={port},bus=pcie.0,chassis={at + 1},slot={at + 1}" }).ToArray();

    public override string? PanicDevice => "pvpanic-pci";

    public override bool HasOptionRoms => false;

    public override string EmulatedCpu => "rv64";

    public override IReadOnlyList<string> HardwareCpus => ["host"];

    public override string Virtio(string device) => $"virtio-{device}-device";

    public override string Disk(int index) => index == 0 ? Virtio("blk") : "virtio-blk-pci";

    public override string? LateDisk => Disk(1);

    public override IReadOnlyList<string> LateBuses => Ports;

    // Asked again within the five seconds, the guest keeps it.
    public override TimeSpan AskAgain => TimeSpan.FromSeconds(15);

    public override bool ResetTakesDisks => false;

    public override string MemoryName => "riscv_virt_board.ram";

    public override string? DiskBus(int index) => index == 0 ? null : Ports[index - 1];
}

/// <summary>
/// QEMU's RISC-V board as <c>cloud-vmm</c> simulates it: slots of virtio-mmio, twice as many, and no PCI. A disk comes into a drive that
/// was there, empty, from the start.
/// </summary>
internal sealed class SimulatedBoard : RiscV64Board
{
    private const int Slots = 16;

    // Those of ports, seed, randomness and balloon.
    private const int OtherDevices = 4;

    public override IReadOnlyList<string> Buses => [];

    public override string? PanicDevice => null;

    public override string Disk(int index) => Virtio("blk");

    public override string? DiskBus(int index) => null;

    public override string? LateDisk => Virtio("blk");

    public override IReadOnlyList<string> LateBuses => [];

    public override TimeSpan AskAgain => TimeSpan.FromSeconds(2);

    public override bool ResetTakesDisks => true;

    public override int EmptyDrives(int disks, int nics) => Math.Min(SpecChecks.DisksMax - disks, Slots - OtherDevices - nics - disks);
}
