using System.Buffers.Binary;
using Cloud.Compute.Contracts;

namespace Cloud.BlockStorage.Content;

/// <summary>
/// A disk as a qcow2 file (QEMU's docs/interop/qcow2.txt, version 3) that lies nowhere: where everything would be in it follows from the
/// blocks that the disk has, so any part of it can be told without the parts before. The same blocks make the same file.
/// <code>
/// header │ L1 table │ refcount table │ refcount blocks │ L2 tables │ the disk's blocks, in their order
/// </code>
/// </summary>
internal sealed class Qcow2Layout
{
    public const int ClusterBytes = 1 << ClusterBits;

    private const int ClusterBits = 16;
    private const int EntryBytes = 8;
    private const int EntriesPerCluster = ClusterBytes / EntryBytes;
    private const int RefcountsPerBlock = ClusterBytes / sizeof(ushort);
    private const int HeaderBytes = 104;
    private const int RefcountOrder = 4;
    private const uint Magic = 0x514649fb;

    /// <summary>Used once: QEMU may write to it in place.</summary>
    private const ulong Copied = 1UL << 63;

    private readonly long _diskBytes;
    private readonly List<(long First, long Count, long Before)> _runs = [];
    private readonly List<long> _tables = [];
    private readonly long _l1Clusters;
    private readonly long _refcountTableClusters;
    private readonly long _refcountBlocks;
    private readonly long _dataFirst;
    private readonly long _clusters;

    /// <param name="diskBytes">The disk's size.</param>
    /// <param name="extents">What it has, in whole clusters, in their order; the last may end with the disk.</param>
    public Qcow2Layout(long diskBytes, IEnumerable<HostedExtent> extents)
    {
        _diskBytes = diskBytes;
        long dataClusters = 0;
        foreach (var extent in extents)
        {
            var (first, end) = (extent.Offset >> ClusterBits, Clusters(extent.Offset + extent.LengthBytes));
            _runs.Add((first, end - first, dataClusters));
            dataClusters += end - first;
            for (var table = Math.Max(first / EntriesPerCluster, _tables.Count == 0 ? 0 : _tables[^1] + 1);
                table <= (end - 1) / EntriesPerCluster; table++)
            {
                _tables.Add(table);
            }
        }

        _l1Clusters = Clusters(TableCount * EntryBytes);
        var others = 1 + _l1Clusters + _tables.Count + dataClusters;
        do
        {
            _clusters = others + _refcountTableClusters + _refcountBlocks;
            (_refcountBlocks, var before) = ((_clusters + RefcountsPerBlock - 1) / RefcountsPerBlock, _refcountBlocks);
            (_refcountTableClusters, var tableBefore) = (Clusters(_refcountBlocks * EntryBytes), _refcountTableClusters);
            if ((before, tableBefore) == (_refcountBlocks, _refcountTableClusters))
            {
                break;
            }
        }
        while (true);

        _dataFirst = _clusters - dataClusters;
    }

    public long FileBytes => _clusters << ClusterBits;

    private long TableCount => (Clusters(_diskBytes) + EntriesPerCluster - 1) / EntriesPerCluster;

    private long RefcountTableFirst => 1 + _l1Clusters;

    private long RefcountBlocksFirst => RefcountTableFirst + _refcountTableClusters;

    private long L2First => RefcountBlocksFirst + _refcountBlocks;

    /// <summary>The disk's block that a cluster of the file holds; null for one that tells of others.</summary>
    public long? DiskOffsetOf(long cluster)
    {
        if (cluster < _dataFirst)
        {
            return null;
        }

        var data = cluster - _dataFirst;
        var run = _runs[RunBefore(one => one.Before, data)];
        return (run.First + data - run.Before) << ClusterBits;
    }

    /// <summary>Makes a cluster that holds none of the disk's blocks.</summary>
    /// <param name="bytes">One cluster.</param>
    public void Fill(long cluster, Span<byte> bytes)
    {
        bytes.Clear();
        if (cluster == 0)
        {
            FillHeader(bytes);
        }
        else if (cluster < RefcountTableFirst)
        {
            var first = (cluster - 1) * EntriesPerCluster;
            var at = _tables.BinarySearch(first);
            for (at = at < 0 ? ~at : at; at < _tables.Count && _tables[at] < first + EntriesPerCluster; at++)
            {
                Put(bytes, _tables[at] - first, (ulong)(L2First + at) << ClusterBits | Copied);
            }
        }
        else if (cluster < RefcountBlocksFirst)
        {
            var first = (cluster - RefcountTableFirst) * EntriesPerCluster;
            for (var entry = 0L; entry < EntriesPerCluster && first + entry < _refcountBlocks; entry++)
            {
                Put(bytes, entry, (ulong)(RefcountBlocksFirst + first + entry) << ClusterBits);
            }
        }
        else if (cluster < L2First)
        {
            var first = (cluster - RefcountBlocksFirst) * RefcountsPerBlock;
            for (var entry = 0; entry < RefcountsPerBlock && first + entry < _clusters; entry++)
            {
                BinaryPrimitives.WriteUInt16BigEndian(bytes[(entry * sizeof(ushort))..], 1);
            }
        }
        else
        {
            FillL2(_tables[(int)(cluster - L2First)] * EntriesPerCluster, bytes);
        }
    }

    private static long Clusters(long bytes) => (bytes + ClusterBytes - 1) >> ClusterBits;

    private static void Put(Span<byte> bytes, long entry, ulong value) =>
        BinaryPrimitives.WriteUInt64BigEndian(bytes[(int)(entry * EntryBytes)..], value);

    private void FillHeader(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], 3);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[20..], ClusterBits);
        BinaryPrimitives.WriteInt64BigEndian(bytes[24..], _diskBytes);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[36..], (uint)TableCount);
        BinaryPrimitives.WriteInt64BigEndian(bytes[40..], ClusterBytes);
        BinaryPrimitives.WriteInt64BigEndian(bytes[48..], RefcountTableFirst << ClusterBits);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[56..], (uint)_refcountTableClusters);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[96..], RefcountOrder);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[100..], HeaderBytes);
    }

    private void FillL2(long firstBlock, Span<byte> bytes)
    {
        for (var at = RunBefore(one => one.First, firstBlock); at < _runs.Count && _runs[at].First < firstBlock + EntriesPerCluster; at++)
        {
            var run = _runs[at];
            var end = Math.Min(run.First + run.Count, firstBlock + EntriesPerCluster);
            for (var block = Math.Max(run.First, firstBlock); block < end; block++)
            {
                Put(bytes, block - firstBlock, (ulong)(_dataFirst + run.Before + block - run.First) << ClusterBits | Copied);
            }
        }
    }

    /// <summary>The last run that starts at or before a place; the first one where none does.</summary>
    private int RunBefore(Func<(long First, long Count, long Before), long> startOf, long place)
    {
        var (low, high) = (0, _runs.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = startOf(_runs[middle]) <= place ? (middle + 1, high) : (low, middle);
        }

        return Math.Max(0, low - 1);
    }
}
