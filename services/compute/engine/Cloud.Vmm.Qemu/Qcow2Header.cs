using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu;

/// <summary>What a qcow2 file's header (docs/interop/qcow2.txt) says that QEMU would act on unasked.</summary>
internal static class Qcow2Header
{
    private const uint Magic = 0x514649fb;
    private const int IncompatibleFeatures = 72;
    private const int HeaderBytes = 104;
    private const ulong ExternalDataFile = 1 << 2;

    /// <exception cref="VmException">It is no qcow2 file, or one whose data lies in another file that its header names.</exception>
    public static void Check(SafeFileHandle file, string serial)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (RandomAccess.Read(file, header, 0) < HeaderBytes || BinaryPrimitives.ReadUInt32BigEndian(header) != Magic)
        {
            throw new VmException($"The disk '{serial}' is no qcow2 file.");
        }

        var version = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        if (version >= 3 && (BinaryPrimitives.ReadUInt64BigEndian(header[IncompatibleFeatures..]) & ExternalDataFile) != 0)
        {
            throw new VmException($"The disk '{serial}' keeps its data in another file, which is not allowed.");
        }
    }
}
