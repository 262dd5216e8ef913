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

    internal const int VirtioSlots = 8;
    internal const int InterruptSources = 96;
    internal const int VirtioInterrupt = 1;
    internal const int UartInterrupt = 10;
    internal const int RtcInterrupt = 11;
}
