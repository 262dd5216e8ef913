using System.Security.Cryptography;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Boot;

/// <summary>
/// Puts firmware, kernel, initial RAM disk and device tree into memory before the first instruction, and again at each reset.
/// </summary>
internal sealed class BootLoader(MachineOptions options, GuestRam ram, GuestRam rom)
{
    // Firmware and kernels map the tree by pages of 2 MiB.
    private const ulong Alignment = 2UL << 20;
    private const ulong TreeRoom = Alignment;
    private const ulong InitrdGapMost = 128UL << 20;
    private const int RandomSeedSize = 32;

    /// <summary>Fills memory; harts start at the boot ROM.</summary>
    /// <exception cref="InvalidDataException">An image does not fit into memory, or is no RV64 ELF.</exception>
    internal void Load()
    {
        ulong kernelStart = options.Firmware is null ? MemoryMap.Ram : MemoryMap.Kernel;
        ulong next = options.Kernel is null ? 0 : LoadImage(options.Kernel.Read(), kernelStart);
        ulong first = options.Firmware is null ? next : LoadImage(options.Firmware.Read(), MemoryMap.Ram);
        ulong initrdStart = 0;
        ulong initrdEnd = 0;
        if (options.Initrd is not null)
        {
            byte[] initrd = options.Initrd.Read();
            initrdStart = MemoryMap.Kernel + Math.Min(options.MemoryBytes / 2, InitrdGapMost) & ~(Alignment - 1);
            initrdEnd = initrdStart + (ulong)initrd.Length;
            Write(initrdStart, initrd, "initial RAM disk");
        }

        Span<byte> seed = stackalloc byte[RandomSeedSize];
        if (!options.Deterministic)
        {
            RandomNumberGenerator.Fill(seed);
        }

        byte[] tree = BoardTree.Build(options, initrdStart, initrdEnd, seed);
        ulong treeStart = ram.Size <= TreeRoom ? ram.Start + ram.Size / 2 : (ram.Start + ram.Size - TreeRoom) & ~(Alignment - 1);
        if (initrdEnd > treeStart)
        {
            throw new InvalidDataException("The initial RAM disk does not fit into the guest's memory.");
        }

        Write(treeStart, tree, "device tree");
        rom.Write(MemoryMap.BootRom, BootRom.Build(first, treeStart, next));
    }

    private ulong LoadImage(byte[] image, ulong start)
    {
        if (!ElfLoader.IsElf(image))
        {
            Write(start, image, "image");
            return start;
        }

        return ElfLoader.Load(image, (address, bytes, size) =>
        {
            Write(address, bytes.Span, "ELF segment");
            Span<byte> rest = ram.Range(address + (ulong)bytes.Length, (int)Math.Min(size - (ulong)bytes.Length, int.MaxValue));
            rest.Clear();
            ram.Wrote(address + (ulong)bytes.Length, (ulong)rest.Length);
        });
    }

    private void Write(ulong address, ReadOnlySpan<byte> bytes, string what)
    {
        if (!ram.Write(address, bytes))
        {
            throw new InvalidDataException($"The {what} of {bytes.Length} bytes at 0x{address:x} does not fit into the guest's memory.");
        }
    }
}
