namespace Cloud.Vmm.RiscV;

/// <summary>Every base address, size and interrupt number of the board: those of QEMU's virt machine.</summary>
internal static class MemoryMap
{
    internal const ulong BootRom = 0x1000;
    internal const ulong BootRomSize = 0xF000;
    internal const ulong TestFinisher = 0x100000;
    internal const ulong Rtc = 0x101000;
    internal const ulong Clint = 0x2000000;
    internal const ulong ClintSize = 0x10000;
    internal const ulong Plic = 0xC000000;
    internal const ulong PlicSize = 0x600000;
    internal const ulong Uart = 0x10000000;
    internal const ulong UartSize = 0x100;
    internal const ulong Virtio = 0x10001000;
    internal const ulong Ram = 0x80000000;

    /// <summary>Of the RTC, the test finisher and each virtio slot.</summary>
    internal const ulong PageSize = 0x1000;

    /// <summary>Where an Image is loaded: 2 MiB past the firmware, as OpenSBI's fw_jump and the kernel's alignment want it.</summary>
    internal const ulong Kernel = Ram + 0x200000;

    /// <summary>The first eight are where QEMU's board has them; the others follow, with interrupts that it leaves unused.</summary>
    internal const int VirtioSlots = 16;
    internal const int InterruptSources = 96;
    internal const int UartInterrupt = 10;
    internal const int RtcInterrupt = 11;

    private const int VirtioSlotsOfQemu = 8;
    private const int VirtioInterrupt = 1;
    private const int MoreVirtioInterrupt = 12;

    /// <summary>
    /// The slot of the board that a guest finds at a place in its order: on QEMU's board the first device takes the highest slot.
    /// </summary>
    internal static int VirtioSlot(int place) => place < VirtioSlotsOfQemu ? VirtioSlotsOfQemu - 1 - place : place;

    internal static ulong VirtioAddress(int slot) => Virtio + (ulong)slot * PageSize;

    internal static int VirtioInterruptOf(int slot) =>
        slot < VirtioSlotsOfQemu ? VirtioInterrupt + slot : MoreVirtioInterrupt + slot - VirtioSlotsOfQemu;
}
