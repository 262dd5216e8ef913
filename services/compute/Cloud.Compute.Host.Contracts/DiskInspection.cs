using System.Buffers.Binary;
using Cloud.Primitives;

namespace Cloud.Compute.Host.Contracts;

/// <summary>
/// Checks a disk that a user brought in before anything opens it: that it is what it says, whole, and names no other file.
/// qcow2 as docs/interop/qcow2.txt of QEMU describes it; raw must carry a boot signature.
/// </summary>
public static class DiskInspection
{
    private const uint Magic = 0x514649fb;
    private const int HeaderBytes = 104;
    private const int Version2HeaderBytes = 72;
    private const long DiskBytesMax = 16L << 40;
    private const long DiskBytesMin = 1 << 20;

    /// <summary>Incompatible features that say nothing bad: 0 dirty, 3 compression type, 4 extended L2.</summary>
    private const ulong FeaturesAllowed = 1 << 0 | 1 << 3 | 1 << 4;

    private const ulong ExternalData = 1 << 2;
    private const ulong Corrupt = 1 << 1;
    private const ulong ExtendedL2 = 1 << 4;
    private const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;
    private const ulong CompressedBit = 1UL << 62;

    /// <summary>The disk's size in bytes as a guest sees it.</summary>
    /// <exception cref="CloudException">It is no such disk; 422.</exception>
    public static async Task<long> RequireAsync(string path, string format, CancellationToken ct)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0, useAsync: true);
        return format == "qcow2" ? await RequireQcow2Async(file, ct) : await RequireRawAsync(file, ct);
    }

    private static async Task<long> RequireRawAsync(FileStream file, CancellationToken ct)
    {
        var sector = new byte[512];
        if (await file.ReadAtLeastAsync(sector, sector.Length, throwOnEndOfStream: false, ct) < sector.Length)
        {
            throw Bad("A raw disk has at least one sector of 512 bytes.");
        }

        if (BinaryPrimitives.ReadUInt32BigEndian(sector) == Magic)
        {
            throw Bad("This is a qcow2 file; give its format as qcow2.");
        }

        return sector is [.., 0x55, 0xaa]
            ? RequireSize(file.Length)
            : throw Bad("A raw disk must be bootable: its first sector has no boot signature (0x55 0xAA).");
    }

    private static async Task<long> RequireQcow2Async(FileStream file, CancellationToken ct)
    {
        var header = new byte[HeaderBytes];
        if (await file.ReadAtLeastAsync(header, HeaderBytes, throwOnEndOfStream: false, ct) < HeaderBytes
            || BinaryPrimitives.ReadUInt32BigEndian(header) != Magic)
        {
            throw Bad("This is no qcow2 file: its header is missing.");
        }

        var version = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4));
        var clusterBits = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(20));
        Require(version is 2 or 3, $"Its version is {version}; 2 and 3 are known.");
        Require(clusterBits is >= 9 and <= 21, "Its cluster size is out of range.");
        Require(
            BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8)) == 0 && BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(16)) == 0,
            "It names a backing file; flatten it first (qemu-img convert).");
        Require(BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(32)) == 0, "It is encrypted.");
        var features = version == 3 ? BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(72)) : 0;
        Require((features & ExternalData) == 0, "It names an external data file.");
        Require((features & Corrupt) == 0, "It is marked as corrupt.");
        Require((features & ~FeaturesAllowed) == 0, "It needs features that are not known.");
        var headerLength = version == 3 ? BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(100)) : Version2HeaderBytes;
        Require(
            headerLength is Version2HeaderBytes or >= HeaderBytes && headerLength <= 1u << (int)clusterBits,
            "Its header has an impossible length.");

        var size = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(24));
        Require(size <= DiskBytesMax, $"A disk has at most {new ByteSize(DiskBytesMax)}.");
        await RequireTablesAsync(file, header, (int)clusterBits, (long)size, (features & ExtendedL2) != 0, ct);
        return RequireSize((long)size);
    }

    /// <summary>Walks both levels of tables: every cluster that is named must lie in the file, or it was cut short.</summary>
    private static async Task RequireTablesAsync(
        FileStream file, byte[] header, int clusterBits, long size, bool extended, CancellationToken ct)
    {
        var clusterBytes = 1L << clusterBits;
        var entryBytes = extended ? 16 : 8;
        var perTable = clusterBytes / entryBytes;
        var l1Entries = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(36));
        var l1Offset = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(40));
        var needed = (((size + clusterBytes - 1) / clusterBytes) + perTable - 1) / perTable;
        Require(l1Entries >= (ulong)needed && l1Entries <= (ulong)needed + 1024, "Its first table has an impossible length.");
        RequireInside(file, l1Offset, l1Entries * 8L);
        var refcounts = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(48));
        RequireInside(file, refcounts, BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(56)) * clusterBytes);

        var l1 = new byte[needed * 8];
        await RandomAccess.ReadAsync(file.SafeFileHandle, l1, (long)l1Offset, ct);
        var l2 = new byte[clusterBytes];
        for (var table = 0; table < needed; table++)
        {
            var at = BinaryPrimitives.ReadUInt64BigEndian(l1.AsSpan(table * 8)) & OffsetMask;
            if (at == 0)
            {
                continue;
            }

            RequireInside(file, at, clusterBytes);
            await RandomAccess.ReadAsync(file.SafeFileHandle, l2, (long)at, ct);
            RequireClusters(file, l2, entryBytes, clusterBits);
        }
    }

    private static void RequireClusters(FileStream file, byte[] table, int entryBytes, int clusterBits)
    {
        for (var at = 0; at < table.Length; at += entryBytes)
        {
            var entry = BinaryPrimitives.ReadUInt64BigEndian(table.AsSpan(at));
            if ((entry & CompressedBit) != 0)
            {
                // A compressed cluster may end inside of a sector at the file's end; its start must be there.
                RequireInside(file, entry & ((1UL << (62 - (clusterBits - 8))) - 1), 1);
            }
            else if ((entry & OffsetMask) is var offset and not 0)
            {
                // The last cluster may be written in part: QEMU rounds its files to sectors.
                RequireInside(file, offset, 1);
            }
        }
    }

    private static void RequireInside(FileStream file, ulong offset, long bytes) =>
        Require(offset <= (ulong)file.Length && bytes <= file.Length - (long)offset, "It is cut short: it names bytes past its end.");

    private static long RequireSize(long size) =>
        size is >= DiskBytesMin and <= DiskBytesMax
            ? size
            : throw Bad($"A disk has {new ByteSize(DiskBytesMin)} to {new ByteSize(DiskBytesMax)}.");

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw Bad(message);
        }
    }

    private static CloudException Bad(string message) =>
        new(ErrorKind.Unprocessable, "not-an-image", message) { Errors = new Dictionary<string, string[]> { ["content"] = [message] } };
}
