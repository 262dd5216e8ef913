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
    /// <exception cref="IOException">An image cannot be read.</exception>
    internal void Load()
    {
        ulong kernelStart = options.Firmware is null ? MemoryMap.Ram : MemoryMap.Kernel;
        ulong next = options.Kernel is null ? 0 : LoadImage(options.Kernel, kernelStart);
        ulong first = options.Firmware is null ? next : LoadImage(options.Firmware, MemoryMap.Ram);
        ulong initrdStart = 0;
        ulong initrdEnd = 0;
        if (options.Initrd is not null)
        {
            using Stream initrd = options.Initrd.Open();
            initrdStart = MemoryMap.Kernel + Math.Min(options.MemoryBytes / 2, InitrdGapMost) & ~(Alignment - 1);
            initrdEnd = initrdStart + (ulong)initrd.Length;
            Write(initrdStart, initrd, initrdEnd - initrdStart, "initial RAM disk");
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

        Write(treeStart, new MemoryStream(tree, writable: false), (ulong)tree.Length, "device tree");
        rom.Write(MemoryMap.BootRom, BootRom.Build(first, treeStart, next));
    }

    private ulong LoadImage(BootImage image, ulong start)
    {
        using Stream file = image.Open();
        if (!ElfLoader.IsElf(file))
        {
            Write(start, file, (ulong)file.Length, "image");
            return start;
        }

        return ElfLoader.Load(file, (address, fileSize, memorySize) =>
        {
            Write(address, file, fileSize, "ELF segment");
            Span<byte> rest = ram.Range(address + fileSize, (int)Math.Min(memorySize - fileSize, int.MaxValue));
            rest.Clear();
            ram.Wrote(address + fileSize, (ulong)rest.Length);
        });
    }

    /// <summary>Reads what comes next in a file to memory.</summary>
    private void Write(ulong address, Stream from, ulong size, string what)
    {
        if (size > int.MaxValue || !ram.Contains(address, size))
        {
            throw new InvalidDataException($"The {what} of {size} bytes at 0x{address:x} does not fit into the guest's memory.");
        }

        from.ReadExactly(ram.Range(address, (int)size));
        ram.Wrote(address, size);
    }
}
