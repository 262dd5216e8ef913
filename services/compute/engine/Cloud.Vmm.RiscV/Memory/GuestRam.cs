using System.Runtime.InteropServices;

namespace Cloud.Vmm.RiscV.Memory;

/// <summary>The guest's memory: one range of host memory, taken page by page as the guest touches it.</summary>
internal sealed unsafe partial class GuestRam : IDisposable
{
    private const int ReadWrite = 3;
    private const int DontNeed = 4;
    private const int PrivateAnonymousNoReserve = 0x02 | 0x20 | 0x4000;

    internal GuestRam(ulong start, ulong size)
    {
        if (size == 0 || (size & 0xFFF) != 0 || (start & 0xFFF) != 0)
        {
            throw new ArgumentException("Guest memory is made of whole pages.", nameof(size));
        }

        nint mapped = Map(0, (nuint)size, ReadWrite, PrivateAnonymousNoReserve, -1, 0);
        if (mapped == -1)
        {
            throw new InsufficientMemoryException(
                $"{size} bytes of guest memory cannot be mapped (errno {Marshal.GetLastPInvokeError()}).");
        }

        Start = start;
        Size = size;
        Host = (byte*)mapped;
        Code = new CodeMap(start, size);
    }

    /// <summary>The first guest physical address.</summary>
    internal ulong Start { get; }

    internal ulong Size { get; }

    /// <summary>Where <see cref="Start"/> lies in this process.</summary>
    internal byte* Host { get; }

    /// <summary>Which parts have been decoded as code.</summary>
    internal CodeMap Code { get; }

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
        Code.Wrote(physical, (ulong)bytes.Length);
        return true;
    }

    /// <summary>
    /// Returns whole pages to the host; they read as zeros from then on. Nothing happens where the range is not whole pages of memory.
    /// </summary>
    internal void Discard(ulong physical, ulong size)
    {
        if (((physical | size) & 0xFFF) == 0 && size != 0 && Contains(physical, size)
            && Advise((nint)(Host + (physical - Start)), (nuint)size, DontNeed) == 0)
        {
            Code.Wrote(physical, size);
        }
    }

    public void Dispose()
    {
        _ = Unmap((nint)Host, (nuint)Size);
        Code.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
