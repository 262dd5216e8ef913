using System.Runtime.InteropServices;
using Cloud.Vmm.Runner.Options;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner.Disks;

/// <summary>
/// QEMU's locks on image files (its block/file-posix.c), so that neither it, qemu-img nor another of these opens what this one writes:
/// by fcntl on single bytes, from 100 on what the holder does with the file, from 200 on what it lets nobody else do.
/// </summary>
internal static partial class ImageLock
{
    private const int SetLock = 37;
    private const int GetLock = 36;
    private const short ReadLock = 0;
    private const short WriteLock = 1;
    private const short Unlocked = 2;
    private const long Does = 100;
    private const long Forbids = 200;
    private const int Reads = 0;
    private const int Writes = 1;
    private const int Resizes = 3;
    private const int BitsMax = 5;

    /// <summary>Takes them; they go when the file is closed.</summary>
    /// <exception cref="OptionException">Somebody has the file open in a way that does not go with this.</exception>
    internal static void Take(SafeFileHandle file, bool readOnly)
    {
        int[] does = readOnly ? [Reads] : [Reads, Writes, Resizes];
        int[] forbids = [Writes, Resizes];
        foreach (long at in does.Select(bit => Does + bit).Concat(forbids.Select(bit => Forbids + bit)))
        {
            var mine = new Region { Type = ReadLock, Start = at, Length = 1 };
            if (Control(file, SetLock, ref mine) != 0)
            {
                throw InUse();
            }
        }

        foreach (long at in does.Select(bit => Forbids + bit).Concat(forbids.Select(bit => Does + bit)))
        {
            var others = new Region { Type = WriteLock, Start = at, Length = 1 };
            if (Control(file, GetLock, ref others) == 0 && others.Type != Unlocked)
            {
                throw InUse();
            }
        }
    }

    /// <summary>From here on the file is only read: it may be opened to read by others.</summary>
    internal static void OnlyRead(SafeFileHandle file) => Release(file, Does + Writes, BitsMax - Writes);

    /// <summary>Lets go of all, whoever else has the same open file.</summary>
    internal static void Release(SafeFileHandle file) => Release(file, Does, Forbids - Does + BitsMax);

    private static void Release(SafeFileHandle file, long start, long length)
    {
        var mine = new Region { Type = Unlocked, Start = start, Length = length };
        _ = Control(file, SetLock, ref mine);
    }

    private static OptionException InUse() => new("Failed to get \"write\" lock: the file is in use.");

    /// <summary>struct flock of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Region
    {
        internal short Type;
        internal short Whence;
        internal long Start;
        internal long Length;
        internal int Process;
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(SafeFileHandle descriptor, int command, ref Region region);
}
