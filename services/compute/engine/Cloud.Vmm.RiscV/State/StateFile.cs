using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Memory;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.RiscV.State;

/// <summary>
/// A state in a file: <see cref="StateHeader"/>, then memory as the guest has it, page for page, so that it can be mapped and copied as it
/// is written to; pages of zeros are holes. Not synced: that is for whoever keeps it.
/// </summary>
internal sealed class StateFile(SafeFileHandle file, ulong memoryBytes) : IStateTarget
{
    private const int PageSize = 4096;
    private const int PartBytesMax = 64 << 20;
    private const int PagesAtOnce = 256;

    private readonly uint[] _sums = new uint[memoryBytes / PageSize];

    public void WritePages(int first, ReadOnlySpan<byte> pages)
    {
        for (int i = 0; i < pages.Length / PageSize; i++)
        {
            _sums[first + i] = Checksum.OfPage(pages.Slice(i * PageSize, PageSize));
        }

        RandomAccess.Write(file, pages, StateHeader.MemoryOffset + (long)first * PageSize);
    }

    public void Finish(byte[] devices)
    {
        long end = StateHeader.MemoryOffset + (long)memoryBytes;
        ReadOnlySpan<byte> sums = MemoryMarshal.AsBytes<uint>(_sums);
        var header = new StateHeader
        {
            MemoryBytes = memoryBytes,
            PageSums = new StatePart(end, sums.Length, Checksum.Of(sums)),
            Devices = new StatePart(end + sums.Length, devices.Length, Checksum.Of(devices)),
        };
        RandomAccess.Write(file, sums, header.PageSums.Offset);
        RandomAccess.Write(file, devices, header.Devices.Offset);
        RandomAccess.Write(file, header.ToBytes(), 0);
    }

    /// <summary>Takes a state into a machine that waits for it.</summary>
    /// <param name="file">The file; it must not change while the machine lives.</param>
    /// <param name="ram">The machine's memory.</param>
    /// <param name="copy">Whether memory is copied, and not mapped.</param>
    /// <returns>What harts and devices are.</returns>
    /// <exception cref="InvalidDataException">It is no state, damaged, or of a machine of another size.</exception>
    internal static byte[] Load(SafeFileHandle file, GuestRam ram, bool copy)
    {
        byte[] first = new byte[StateHeader.Size];
        StateHeader header = StateHeader.Parse(first.AsSpan(0, RandomAccess.Read(file, first, 0)));
        if (header.MemoryBytes != ram.Size)
        {
            throw new InvalidDataException(
                $"The state is of a machine with {header.MemoryBytes} bytes of memory; this one has {ram.Size}.");
        }

        LoadMemory(file, header, ram, copy);
        return ReadPart(file, header.Devices);
    }

    private static void LoadMemory(SafeFileHandle file, StateHeader header, GuestRam ram, bool copy)
    {
        ReadOnlySpan<uint> sums = MemoryMarshal.Cast<byte, uint>(ReadPart(file, header.PageSums));
        if (sums.Length != ram.Dirty.Count || RandomAccess.GetLength(file) < StateHeader.MemoryOffset + (long)ram.Size)
        {
            throw new InvalidDataException("The state's memory is cut short.");
        }

        if (!copy)
        {
            ram.MapCopyOf(file, StateHeader.MemoryOffset);
        }

        for (int page = 0; page < sums.Length; page++)
        {
            if (sums[page] == 0)
            {
                continue;
            }

            int count = 1;
            while (count < PagesAtOnce && page + count < sums.Length && sums[page + count] != 0)
            {
                count++;
            }

            if (copy)
            {
                ReadWhole(file, StateHeader.MemoryOffset + (long)page * PageSize, ram.Pages(page, count));
            }

            for (int end = page + count; page < end; page++)
            {
                ram.Dirty.Note(page);
                if (Checksum.OfPage(ram.Pages(page, 1)) != sums[page])
                {
                    throw new InvalidDataException($"Page {page} of the state's memory is damaged.");
                }
            }

            page--;
        }
    }

    private static byte[] ReadPart(SafeFileHandle file, StatePart part)
    {
        if (part.Bytes is < 0 or > PartBytesMax || part.Offset < 0)
        {
            throw new InvalidDataException("The state makes no sense.");
        }

        byte[] bytes = new byte[part.Bytes];
        ReadWhole(file, part.Offset, bytes);
        return Checksum.Of(bytes) == part.Sum ? bytes : throw new InvalidDataException("The state is damaged.");
    }

    private static void ReadWhole(SafeFileHandle file, long offset, Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(file, bytes, offset);
            if (read == 0)
            {
                throw new InvalidDataException("The state is cut short.");
            }

            offset += read;
            bytes = bytes[read..];
        }
    }
}
