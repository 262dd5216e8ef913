using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Compute.Host.Disks;

/// <summary>
/// Writes empty qcow2 files (docs/interop/qcow2.txt, version 3), as <c>qemu-img create</c> makes them: clusters of 64 KiB, counts of 16
/// bits. Every guest's start needs one or more, and a program's start takes longer than all of it.
/// <code>
/// cluster 0   the header, with what the file lies over
///         1   the table of counts' blocks
///         2   the first of them: each cluster here is in use once
///         3…  the L1 table, as many as the size needs, all zeros: nothing is written yet
/// </code>
/// </summary>
internal static class Qcow2File
{
    private const uint Magic = 0x514649fb;
    private const uint Version = 3;
    private const uint ClusterBits = 16;
    private const int ClusterBytes = 1 << (int)ClusterBits;
    private const uint RefcountOrder = 4;
    private const uint HeaderBytes = 104;
    private const int L1Cluster = 3;
    private const uint BackingFormatExtension = 0xe2792aca;
    private const int SectorBytes = 512;

    /// <summary>QEMU's limit for a name in the header, block/qcow2.c.</summary>
    private const int BackingNameBytesMax = 1023;

    /// <summary>What an L2 table, of one cluster, describes.</summary>
    private const long L2Covers = (long)(ClusterBytes / sizeof(ulong)) * ClusterBytes;

    /// <summary>Makes the file, durable when this ends; over what it lies is named by whoever opens it, or here.</summary>
    /// <param name="path">Where it is to be.</param>
    /// <param name="sizeBytes">The disk's size as a guest sees it, at least: in whole sectors.</param>
    /// <param name="backing">What it lies over, and that one's format; it is not looked at.</param>
    /// <exception cref="IOException">It can't be written.</exception>
    public static void Create(string path, long sizeBytes, (string Path, string Format)? backing = null)
    {
        var beside = path + ".new";
        try
        {
            using (var file = File.OpenHandle(beside, FileMode.Create, FileAccess.Write))
            {
                Write(file, (sizeBytes + SectorBytes - 1) / SectorBytes * SectorBytes, backing);
            }

            QemuImg.Keep(beside, path);
        }
        finally
        {
            File.Delete(beside);
        }
    }

    private static void Write(SafeFileHandle file, long sizeBytes, (string Path, string Format)? backing)
    {
        var l1Entries = (int)((sizeBytes + L2Covers - 1) / L2Covers);
        var l1Clusters = (l1Entries * sizeof(ulong) + ClusterBytes - 1) / ClusterBytes;
        var header = new Writer(new byte[2048]);
        var name = Encoding.UTF8.GetBytes(backing?.Path ?? "");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(name.Length, BackingNameBytesMax);
        var format = Encoding.ASCII.GetBytes(backing?.Format ?? "");
        var formatBytes = backing is null ? 0 : sizeof(ulong) + (format.Length + 7) / 8 * 8;
        header.Add(Magic).Add(Version)
            .Add(name.Length == 0 ? 0UL : HeaderBytes + (ulong)formatBytes + sizeof(ulong)).Add((uint)name.Length)
            .Add(ClusterBits).Add((ulong)sizeBytes)
            .Add(0U) // Not encrypted.
            .Add((uint)l1Entries).Add((ulong)L1Cluster * ClusterBytes)
            .Add((ulong)ClusterBytes).Add(1U) // The table of counts' blocks, in clusters.
            .Add(0U).Add(0UL) // Snapshots inside, none.
            .Add(0UL).Add(0UL).Add(0UL) // Features.
            .Add(RefcountOrder).Add(HeaderBytes);
        if (backing is not null)
        {
            header.Add(BackingFormatExtension).Add((uint)format.Length).Add(format, formatBytes - sizeof(ulong));
        }

        header.Add(0UL) // No more extensions.
            .Add(name, name.Length);
        RandomAccess.Write(file, header.Written, 0);
        var counts = new Writer(new byte[ClusterBytes]);
        for (var cluster = 0; cluster < L1Cluster + l1Clusters; cluster++)
        {
            counts.Add((ushort)1);
        }

        RandomAccess.Write(file, new Writer(new byte[sizeof(ulong)]).Add(2UL * ClusterBytes).Written, ClusterBytes);
        RandomAccess.Write(file, counts.Written, 2 * ClusterBytes);
        RandomAccess.SetLength(file, (long)(L1Cluster + l1Clusters) * ClusterBytes);
    }

    /// <summary>Numbers as the format has them, the highest byte first.</summary>
    private sealed class Writer(byte[] buffer)
    {
        private int _length;

        public ReadOnlySpan<byte> Written => buffer.AsSpan(0, _length);

        private Span<byte> Rest => buffer.AsSpan(_length);

        public Writer Add(ushort number)
        {
            BinaryPrimitives.WriteUInt16BigEndian(Rest, number);
            _length += sizeof(ushort);
            return this;
        }

        public Writer Add(uint number)
        {
            BinaryPrimitives.WriteUInt32BigEndian(Rest, number);
            _length += sizeof(uint);
            return this;
        }

        public Writer Add(ulong number)
        {
            BinaryPrimitives.WriteUInt64BigEndian(Rest, number);
            _length += sizeof(ulong);
            return this;
        }

        /// <summary>And zeros up to so many bytes.</summary>
        public Writer Add(ReadOnlySpan<byte> bytes, int room)
        {
            bytes.CopyTo(Rest);
            _length += room;
            return this;
        }
    }
}
