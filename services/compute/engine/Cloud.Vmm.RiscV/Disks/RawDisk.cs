using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.RiscV.Disks;

/// <summary>A file that holds the disk byte by byte; a hole reads as zeros.</summary>
internal sealed partial class RawDisk(SafeFileHandle file, bool readOnly) : IDisk
{
    private const int ZeroesMax = 64 * 1024;

    // fallocate: punch a hole, keep the size.
    private const int PunchHole = 2 | 1;

    private static readonly byte[] Zeroes = new byte[ZeroesMax];

    public long SizeBytes { get; private set; } = RandomAccess.GetLength(file);

    public bool ReadOnly { get; } = readOnly;

    public void Read(long offset, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int read = RandomAccess.Read(file, destination, offset);
            if (read == 0)
            {
                // The file was cut while it was in use: what is gone reads as zeros.
                destination.Clear();
                return;
            }

            offset += read;
            destination = destination[read..];
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> source) => RandomAccess.Write(file, source, offset);

    public void WriteZeroes(long offset, long size)
    {
        if (size == 0 || Allocate(file, PunchHole, offset, size) == 0)
        {
            return;
        }

        // A filesystem without holes.
        for (long done = 0; done < size; done += ZeroesMax)
        {
            Write(offset + done, Zeroes.AsSpan(0, (int)Math.Min(ZeroesMax, size - done)));
        }
    }

    public void Grow(long sizeBytes)
    {
        RandomAccess.SetLength(file, sizeBytes);
        RandomAccess.FlushToDisk(file);
        SizeBytes = sizeBytes;
    }

    public void Flush() => RandomAccess.FlushToDisk(file);

    public void Dispose() => file.Dispose();

    [LibraryImport("libc", EntryPoint = "fallocate")]
    private static partial int Allocate(SafeFileHandle descriptor, int mode, long offset, long length);
}
