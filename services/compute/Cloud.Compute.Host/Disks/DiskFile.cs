using System.Buffers.Binary;
using Cloud.Primitives;

namespace Cloud.Compute.Host.Disks;

/// <summary>
/// Reads of a disk's file what is needed to build on it (docs/interop/qcow2.txt), without opening anything that it names.
/// </summary>
internal static class DiskFile
{
    public const string Qcow2 = "qcow2";

    private const uint Magic = 0x514649fb;
    private const int SizeOffset = 24;
    private const int IncompatibleFeaturesOffset = 72;
    private const int HeaderBytes = 104;
    private const ulong ExternalDataFile = 1 << 2;

    /// <summary>The disk's size as a guest sees it.</summary>
    /// <exception cref="CloudException">The file is missing, or is no disk that is taken here.</exception>
    public static long VirtualBytes(string path, string format)
    {
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return format == Qcow2 ? ReadQcow2(file) : RandomAccess.GetLength(file);
        }
        catch (IOException missing)
        {
            throw new CloudException(ErrorKind.Unavailable, "disk-failed", "A disk's file cannot be read on this host.", missing);
        }
    }

    private static long ReadQcow2(Microsoft.Win32.SafeHandles.SafeFileHandle file)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (RandomAccess.Read(file, header, 0) < HeaderBytes || BinaryPrimitives.ReadUInt32BigEndian(header) != Magic)
        {
            throw new CloudException(ErrorKind.Unprocessable, "disk-invalid", "A disk's file is no qcow2 file.");
        }

        if (BinaryPrimitives.ReadUInt32BigEndian(header[sizeof(uint)..]) >= 3
            && (BinaryPrimitives.ReadUInt64BigEndian(header[IncompatibleFeaturesOffset..]) & ExternalDataFile) != 0)
        {
            throw new CloudException(
                ErrorKind.Unprocessable, "disk-invalid", "A disk's file keeps its data in another file, which is not allowed.");
        }

        return (long)Math.Min(BinaryPrimitives.ReadUInt64BigEndian(header[SizeOffset..]), long.MaxValue);
    }
}
