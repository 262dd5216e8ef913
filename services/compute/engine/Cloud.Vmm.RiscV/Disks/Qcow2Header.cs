using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.RiscV.Disks;

/// <summary>
/// The header of a qcow2 file, version 2 or 3 (QEMU's docs/interop/qcow2.txt), checked: whatever a later read indexes by it is bounded
/// here.
/// </summary>
internal sealed record Qcow2Header
{
    private const uint Magic = 0x514649FB;
    private const int Version2Size = 72;
    private const int Version3Size = 104;
    private const int SizeOffset = 24;
    private const ulong Dirty = 1;
    private const ulong CompressionType = 8;

    // 512 bytes to 2 MiB, as the format has it.
    private const int ClusterBitsMin = 9;
    private const int ClusterBitsMax = 21;

    // QEMU's own bounds of the two tables that are held whole.
    private const int Level1EntriesMax = 32 * 1024 * 1024 / sizeof(ulong);
    private const int RefcountTableBytesMax = 8 * 1024 * 1024;

    internal required int ClusterBits { get; init; }

    internal required long SizeBytes { get; init; }

    internal required int Level1Entries { get; init; }

    internal required long Level1Offset { get; init; }

    internal required long RefcountTableOffset { get; init; }

    internal required int RefcountTableClusters { get; init; }

    internal required int RefcountOrder { get; init; }

    /// <summary>Whether its reference counts cannot be trusted: it may be read, not written.</summary>
    internal required bool IsDirty { get; init; }

    internal int ClusterSize => 1 << ClusterBits;

    /// <exception cref="InvalidDataException">No qcow2, damaged, or with a feature that is not supported; the message says
    /// which.</exception>
    internal static Qcow2Header Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Version2Size || BinaryPrimitives.ReadUInt32BigEndian(bytes) != Magic)
        {
            throw new InvalidDataException("The disk is no qcow2 file.");
        }

        uint version = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        if (version is not (2 or 3) || version == 3 && bytes.Length < Version3Size)
        {
            throw new InvalidDataException($"The disk is a qcow2 file of version {version}; 2 and 3 are supported.");
        }

        ulong incompatible = version == 3 ? BinaryPrimitives.ReadUInt64BigEndian(bytes[72..]) : 0;
        if ((incompatible & ~(Dirty | CompressionType)) != 0)
        {
            throw new InvalidDataException($"The disk uses features of qcow2 that are not supported (0x{incompatible:x}).");
        }

        if ((incompatible & CompressionType) != 0 && bytes.Length > Version3Size && bytes[Version3Size] != 0)
        {
            throw new InvalidDataException("The disk is compressed by zstd; convert it with compression_type=zlib.");
        }

        if (BinaryPrimitives.ReadUInt32BigEndian(bytes[32..]) != 0)
        {
            throw new InvalidDataException("The disk is encrypted, which is not supported.");
        }

        var header = new Qcow2Header
        {
            ClusterBits = BinaryPrimitives.ReadInt32BigEndian(bytes[20..]),
            SizeBytes = BinaryPrimitives.ReadInt64BigEndian(bytes[24..]),
            Level1Entries = BinaryPrimitives.ReadInt32BigEndian(bytes[36..]),
            Level1Offset = BinaryPrimitives.ReadInt64BigEndian(bytes[40..]),
            RefcountTableOffset = BinaryPrimitives.ReadInt64BigEndian(bytes[48..]),
            RefcountTableClusters = BinaryPrimitives.ReadInt32BigEndian(bytes[56..]),
            RefcountOrder = version == 3 ? BinaryPrimitives.ReadInt32BigEndian(bytes[96..]) : 4,
            IsDirty = (incompatible & Dirty) != 0,
        };
        header.Check();
        return header;
    }

    /// <summary>Writes the size, and where the level 1 table lies, into a file's header: 24 bytes that the host writes at once.</summary>
    internal void WriteSize(SafeFileHandle file)
    {
        Span<byte> bytes = stackalloc byte[24];
        BinaryPrimitives.WriteInt64BigEndian(bytes, SizeBytes);
        BinaryPrimitives.WriteInt32BigEndian(bytes[12..], Level1Entries);
        BinaryPrimitives.WriteInt64BigEndian(bytes[16..], Level1Offset);
        RandomAccess.Write(file, bytes, SizeOffset);
    }

    /// <exception cref="InvalidDataException">Something in it cannot be.</exception>
    internal void Check()
    {
        bool sound = ClusterBits is >= ClusterBitsMin and <= ClusterBitsMax
            && SizeBytes is >= 0 and < 1L << 56
            && Level1Entries is >= 0 and <= Level1EntriesMax
            && RefcountOrder is >= 0 and <= 6
            && IsCluster(Level1Offset) && IsCluster(RefcountTableOffset)
            && RefcountTableClusters > 0 && RefcountTableClusters <= RefcountTableBytesMax >> ClusterBits;

        // Each level 1 entry leads to a cluster of level 2 entries, each to a cluster.
        long perEntry = sound ? 1L << (2 * ClusterBits - 3) : 0;
        if (!sound || (SizeBytes + perEntry - 1) / perEntry > Level1Entries)
        {
            throw new InvalidDataException("The disk's qcow2 header is damaged.");
        }
    }

    private bool IsCluster(long offset) => offset > 0 && (offset & (ClusterSize - 1)) == 0;
}
