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

    /// <summary>Whether it begins as an ELF does; it is at its start again after.</summary>
    internal static bool IsElf(Stream file)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        int read = file.ReadAtLeast(header, HeaderSize, throwOnEndOfStream: false);
        file.Position = 0;
        return read == HeaderSize && BinaryPrimitives.ReadUInt32LittleEndian(header) == Magic;
    }

    /// <summary>
    /// Takes the file to each segment and hands its address, size in the file and size in memory on; returns the entry point.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is no RV64 ELF, or cut short.</exception>
    internal static ulong Load(Stream file, Action<ulong, ulong, ulong> write)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        Read(file, 0, header);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic || header[4] != 2 || header[5] != 1
            || BinaryPrimitives.ReadUInt16LittleEndian(header[18..]) != MachineRiscV)
        {
            throw new InvalidDataException("Not a 64-bit RISC-V ELF.");
        }

        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        Span<byte> segment = stackalloc byte[ProgramHeaderSize];
        for (int i = 0; i < count; i++)
        {
            Read(file, table + (ulong)(i * ProgramHeaderSize), segment);
            if (BinaryPrimitives.ReadUInt32LittleEndian(segment) != Loadable)
            {
                continue;
            }

            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(segment[8..]);
            ulong physical = BinaryPrimitives.ReadUInt64LittleEndian(segment[24..]);
            ulong fileSize = BinaryPrimitives.ReadUInt64LittleEndian(segment[32..]);
            ulong memorySize = BinaryPrimitives.ReadUInt64LittleEndian(segment[40..]);
            Seek(file, offset, fileSize);
            write(physical, fileSize, Math.Max(memorySize, fileSize));
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
    }

    private static void Read(Stream file, ulong offset, Span<byte> bytes)
    {
        Seek(file, offset, (ulong)bytes.Length);
        file.ReadExactly(bytes);
    }

    private static void Seek(Stream file, ulong offset, ulong size)
    {
        var length = (ulong)file.Length;
        if (size > length || offset > length - size)
        {
            throw new InvalidDataException("The ELF is cut short.");
        }

        file.Position = (long)offset;
    }
}
