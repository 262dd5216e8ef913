using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.RiscV.Memory;

/// <summary>
/// The guest's memory: one range of host memory, taken page by page as the guest touches it; or a file, mapped to be written, or to be
/// copied page by page as the guest writes.
/// </summary>
internal sealed unsafe partial class GuestRam : IDisposable
{
    private const int ReadWrite = 3;
    private const int DontNeed = 4;
    private const int Shared = 0x01;
    private const int Private = 0x02;
    private const int Fixed = 0x10;
    private const int Anonymous = 0x20;
    private const int NoReserve = 0x4000;

    // Whether what is given back to the host would come back as what the file has, and not as zeros.
    private bool _overFile;

    /// <param name="start">The first guest physical address.</param>
    /// <param name="size">In bytes; whole pages.</param>
    /// <param name="backing">The file that is the memory; null for memory of its own.</param>
    internal GuestRam(ulong start, ulong size, MemoryBacking? backing = null)
    {
        if (size == 0 || (size & 0xFFF) != 0 || (start & 0xFFF) != 0)
        {
            throw new ArgumentException("Guest memory is made of whole pages.", nameof(size));
        }

        nint mapped = backing is null
            ? Map(0, (nuint)size, ReadWrite, Private | Anonymous | NoReserve, -1, 0)
            : Map(
                0, (nuint)size, ReadWrite, (backing.Shared ? Shared : Private) | NoReserve, (int)backing.File.DangerousGetHandle(), 0);
        if (mapped == -1)
        {
            throw new InsufficientMemoryException(
                $"{size} bytes of guest memory cannot be mapped (errno {Marshal.GetLastPInvokeError()}).");
        }

        Start = start;
        Size = size;
        Host = (byte*)mapped;
        Code = new CodeMap(start, size);
        Dirty = new DirtyPages(start, size);
        _overFile = backing is not null;
        if (_overFile)
        {
            Dirty.NoteAll();
        }
    }

    /// <summary>The first guest physical address.</summary>
    internal ulong Start { get; }

    internal ulong Size { get; }

    /// <summary>Where <see cref="Start"/> lies in this process.</summary>
    internal byte* Host { get; }

    /// <summary>Which parts have been decoded as code.</summary>
    internal CodeMap Code { get; }

    /// <summary>Which parts have been written.</summary>
    internal DirtyPages Dirty { get; }

    /// <summary>The bytes of pages that follow each other, by the number of the first.</summary>
    internal Span<byte> Pages(int first, int count) => new(Host + ((nuint)first << 12), count << 12);

    /// <summary>Puts a file in the place of all memory: a page is copied when it is first written, and the file never changes.</summary>
    /// <exception cref="IOException">It cannot be mapped.</exception>
    internal void MapCopyOf(SafeFileHandle file, long offset)
    {
        if (Map((nint)Host, (nuint)Size, ReadWrite, Private | Fixed | NoReserve, (int)file.DangerousGetHandle(), offset) == -1)
        {
            throw new IOException($"The memory's file cannot be mapped (errno {Marshal.GetLastPInvokeError()}).");
        }

        _overFile = true;
    }

    /// <summary>Whether a range lies whole in memory.</summary>
    internal bool Contains(ulong physical, ulong size) => physical >= Start && size <= Size && physical - Start <= Size - size;

    /// <summary>A range of memory for a device; an empty one where it does not lie whole in memory.</summary>
    internal Span<byte> Range(ulong physical, int size) =>
        size >= 0 && Contains(physical, (ulong)size) ? new Span<byte>(Host + (physical - Start), size) : default;

    /// <summary>
    /// Writes from outside of the guest's instructions; code there is forgotten. False where the range does not lie whole in memory.
    /// </summary>
    internal bool Write(ulong physical, ReadOnlySpan<byte> bytes)
    {
        if (!Contains(physical, (ulong)bytes.Length))
        {
            return false;
        }

        bytes.CopyTo(new Span<byte>(Host + (physical - Start), bytes.Length));
        Wrote(physical, (ulong)bytes.Length);
        return true;
    }

    /// <summary>Tells of bytes just written past the write TLBs; the range lies in memory.</summary>
    internal void Wrote(ulong physical, ulong size)
    {
        Dirty.Mark(physical, size);
        Code.Wrote(physical, size);
    }

    /// <summary>
    /// Returns whole pages to the host; they read as zeros from then on. Nothing happens where the range is not whole pages of memory.
    /// </summary>
    internal void Discard(ulong physical, ulong size)
    {
        if (((physical | size) & 0xFFF) == 0 && size != 0 && Contains(physical, size)
            && GiveBack((nint)(Host + (physical - Start)), (nuint)size))
        {
            Wrote(physical, size);
        }
    }

    public void Dispose()
    {
        _ = Unmap((nint)Host, (nuint)Size);
        Code.Dispose();
        Dirty.Dispose();
    }

    private bool GiveBack(nint host, nuint size) => _overFile
        ? Map(host, size, ReadWrite, Private | Anonymous | Fixed | NoReserve, -1, 0) != -1
        : Advise(host, size, DontNeed) == 0;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}

/// <summary>A file that is a guest's memory, byte for byte.</summary>
/// <param name="File">At least as large as the memory.</param>
/// <param name="Shared">Whether the guest's writes go to the file; else each page is copied when it is first written.</param>
internal sealed record MemoryBacking(SafeFileHandle File, bool Shared);
