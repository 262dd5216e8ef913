using System.Runtime.InteropServices;

namespace Cloud.Compute.Host.Disks;

/// <summary>How much of a disk a file with holes takes: statx(2), which .NET has no door to.</summary>
internal static partial class SparseFile
{
    private const int BlockBytes = 512;
    private const uint Blocks = 0x400;
    private const int WorkingFolder = -100;

    /// <exception cref="IOException">The file cannot be looked at.</exception>
    public static unsafe long StoredBytes(string path)
    {
        Status status;
        return Look(WorkingFolder, path, 0, Blocks, &status) == 0
            ? checked((long)status.BlockCount * BlockBytes)
            : throw new IOException(Marshal.GetLastPInvokeErrorMessage());
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Look(int folder, string path, int flags, uint mask, Status* status);

    /// <summary>struct statx, 256 bytes in all.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(48)]
        public ulong BlockCount;
    }
}
