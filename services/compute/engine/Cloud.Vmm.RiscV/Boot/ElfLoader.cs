using System.Buffers.Binary;

namespace Cloud.Vmm.RiscV.Boot;

/// <summary>Reads the loadable segments of a 64-bit little-endian RISC-V ELF (System V ABI, chapter 4 and 5).</summary>
internal static class ElfLoader
{
    private const int HeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const uint Magic = 0x464C457F;
    private const ushort MachineRiscV = 243;
    private const uint Loadable = 1;

    internal static bool IsElf(ReadOnlySpan<byte> file) =>
        file.Length >= HeaderSize && BinaryPrimitives.ReadUInt32LittleEndian(file) == Magic;

    /// <summary>Hands each segment's address, bytes and size in memory to the writer; returns the entry point.</summary>
    /// <exception cref="InvalidDataException">The file is no RV64 ELF, or cut short.</exception>
    internal static ulong Load(byte[] file, Action<ulong, ReadOnlyMemory<byte>, ulong> write)
    {
        ReadOnlySpan<byte> span = file;
        if (!IsElf(span) || span[4] != 2 || span[5] != 1 || BinaryPrimitives.ReadUInt16LittleEndian(span[18..]) != MachineRiscV)
        {
            throw new InvalidDataException("Not a 64-bit RISC-V ELF.");
        }

        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(span[32..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(span[56..]);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = Slice(span, table + (ulong)(i * ProgramHeaderSize), ProgramHeaderSize);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Loadable)
            {
                continue;
            }

            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
            ulong physical = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
            ulong fileSize = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
            ulong memorySize = BinaryPrimitives.ReadUInt64LittleEndian(header[40..]);
            Slice(span, offset, fileSize);
            write(physical, file.AsMemory((int)offset, (int)fileSize), Math.Max(memorySize, fileSize));
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(span[24..]);
    }

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> file, ulong offset, ulong size)
    {
        if (size > (ulong)file.Length || offset > (ulong)file.Length - size)
        {
            throw new InvalidDataException("The ELF is cut short.");
        }

        return file.Slice((int)offset, (int)size);
    }
}
