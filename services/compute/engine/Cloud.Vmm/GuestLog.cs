using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm;

/// <summary>
/// The files that a guest appends to without end (<see cref="VmFolder"/>) are bounded from their start: what is old is given back to the
/// disk and leaves a hole, so that an offset stays the same byte for ever. A reader begins at <see cref="StartOf"/>.
/// </summary>
public static partial class GuestLog
{
    private const int SeekData = 3;

    /// <summary>The offset of the first byte that is still there; the file's length where none is.</summary>
    public static long StartOf(SafeFileHandle file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var start = Seek(file, 0, SeekData);
        return start >= 0 ? start : RandomAccess.GetLength(file);
    }

    // .NET's streams keep a position of their own and read by it, so that moving the descriptor's harms none.
    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(SafeFileHandle descriptor, long offset, int origin);
}
