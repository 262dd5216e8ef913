using System.Buffers.Binary;
using System.IO.Compression;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.RiscV.Disks;

/// <summary>
/// A qcow2 file over a backing disk that the caller names: the header's own words about what lies below, or beside, it are never followed.
/// Zero and
/// compressed clusters are read; a write copies what it does not own.
/// </summary>
/// <remarks>
/// Mappings of new clusters are held back until a flush, which first makes data and reference counts durable and then the mappings: a loss
/// of power
/// leaks clusters at worst, and never shows a mapping to what was not written.
/// </remarks>
internal sealed class Qcow2Disk : IDisk
{
    private const ulong OffsetMask = 0x00FFFFFFFFFFFE00;
    private const ulong Copied = 1UL << 63;
    private const ulong Compressed = 1UL << 62;
    private const ulong Zero = 1;
    private const int SectorSize = 512;
    private const int HeaderBytesMost = 512;
    private const int TablesCachedMax = 64;

    private readonly SafeFileHandle _file;
    private IDisk? _backing;
    private Qcow2Header _header;
    private readonly Qcow2Refcounts? _refcounts;
    private ulong[] _level1;
    private readonly Dictionary<int, ulong[]> _level2 = [];
    private readonly HashSet<int> _changed = [];
    private bool _level1Changed;
    private long _inflatedEntry = -1;
    private byte[]? _inflated;

    /// <summary>Opens a file, which is the disk's from here on; the backing disk is not.</summary>
    /// <exception cref="InvalidDataException">The file is damaged, or uses what is not supported.</exception>
    internal Qcow2Disk(SafeFileHandle file, IDisk? backing, bool readOnly)
    {
        _file = file;
        _backing = backing;
        ReadOnly = readOnly;
        Span<byte> head = stackalloc byte[HeaderBytesMost];
        int read = RandomAccess.Read(file, head, 0);
        _header = Qcow2Header.Parse(head[..read]);
        if (_header.IsDirty && !readOnly)
        {
            throw new InvalidDataException("The disk was not closed well: repair it by 'qemu-img check -r all' first.");
        }

        byte[] table = new byte[_header.Level1Entries * sizeof(ulong)];
        ReadWhole(table, _header.Level1Offset);
        _level1 = ToEntries(table);
        _refcounts = readOnly ? null : new Qcow2Refcounts(file, _header);
    }

    public long SizeBytes => _header.SizeBytes;

    public bool ReadOnly { get; }

    private int EntriesPerTable => _header.ClusterSize / sizeof(ulong);

    public void Read(long offset, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int within = (int)(offset & (_header.ClusterSize - 1));
            int count = Math.Min(destination.Length, _header.ClusterSize - within);
            ReadCluster(offset - within, within, destination[..count]);
            offset += count;
            destination = destination[count..];
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        while (source.Length > 0)
        {
            int within = (int)(offset & (_header.ClusterSize - 1));
            int count = Math.Min(source.Length, _header.ClusterSize - within);
            WriteCluster(offset - within, within, source[..count]);
            offset += count;
            source = source[count..];
        }
    }

    public void WriteZeroes(long offset, long size)
    {
        byte[] zeroes = new byte[_header.ClusterSize];
        while (size > 0)
        {
            int within = (int)(offset & (_header.ClusterSize - 1));
            int count = (int)Math.Min(size, _header.ClusterSize - within);
            Write(offset, zeroes.AsSpan(0, count));
            offset += count;
            size -= count;
        }
    }

    public void Flush()
    {
        if (_refcounts is null)
        {
            return;
        }

        _refcounts.WriteBack();
        RandomAccess.FlushToDisk(_file);
        if (_changed.Count > 0 || _level1Changed)
        {
            WriteMappings();
            RandomAccess.FlushToDisk(_file);
        }
    }

    public void Dispose()
    {
        try
        {
            Flush();
        }
        finally
        {
            _file.Dispose();
        }
    }

    /// <summary>Puts it over another disk: what it does not hold itself is read from there.</summary>
    internal void PutOver(IDisk backing) => _backing = backing;

    public void Grow(long sizeBytes)
    {
        // Each level 1 entry leads to a cluster of level 2 entries, each to a cluster.
        long perEntry = (long)EntriesPerTable << _header.ClusterBits;
        long entries = (sizeBytes + perEntry - 1) / perEntry;
        Qcow2Header grown = _header with { SizeBytes = sizeBytes };
        if (entries > _header.Level1Entries)
        {
            long clusters = (entries * sizeof(ulong) + _header.ClusterSize - 1) >> _header.ClusterBits;
            grown = grown with
            {
                Level1Offset = _refcounts!.AllocateRun(clusters),
                Level1Entries = checked((int)((clusters << _header.ClusterBits) / sizeof(ulong))),
            };
            grown.Check();
            Flush();
            ulong[] level1 = new ulong[grown.Level1Entries];
            _level1.CopyTo(level1, 0);
            byte[] bytes = new byte[level1.Length * sizeof(ulong)];
            ToBytes(level1, bytes);
            RandomAccess.Write(_file, bytes, grown.Level1Offset);
            _level1 = level1;
        }

        // The header names the new table once it is there; a loss of power before leaks it.
        Flush();
        grown.WriteSize(_file);
        RandomAccess.FlushToDisk(_file);
        _header = grown;
    }

    private void ReadCluster(long cluster, int within, Span<byte> destination)
    {
        ulong entry = Mapping(cluster);
        if ((entry & Compressed) != 0)
        {
            Inflate(entry).AsSpan(within, destination.Length).CopyTo(destination);
            return;
        }

        if ((entry & Zero) != 0)
        {
            destination.Clear();
            return;
        }

        long host = (long)(entry & OffsetMask);
        if (host != 0)
        {
            ReadPadded(destination, host + within);
            return;
        }

        // The backing disk may be shorter: past its end there are zeros.
        long available = _backing is null ? 0 : Math.Clamp(_backing.SizeBytes - cluster - within, 0, destination.Length);
        if (available > 0)
        {
            _backing!.Read(cluster + within, destination[..(int)available]);
        }

        destination[(int)available..].Clear();
    }

    private void WriteCluster(long cluster, int within, ReadOnlySpan<byte> source)
    {
        ulong entry = Mapping(cluster);
        bool own = (entry & (Copied | Compressed | Zero)) == Copied && (entry & OffsetMask) != 0;
        if (own)
        {
            RandomAccess.Write(_file, source, (long)(entry & OffsetMask) + within);
            return;
        }

        // A new cluster holds what was there, and the new bytes over it.
        byte[] whole = new byte[_header.ClusterSize];
        if (source.Length < whole.Length)
        {
            ReadCluster(cluster, 0, whole);
        }

        source.CopyTo(whole.AsSpan(within));
        long host = _refcounts!.Allocate();
        RandomAccess.Write(_file, whole, host);
        ulong[] table = OwnTable(cluster, out int level1Index);
        table[IndexInTable(cluster)] = (ulong)host | Copied;
        _changed.Add(level1Index);
        ReleaseData(entry);
    }

    /// <summary>Drops the references of a mapping that was replaced.</summary>
    private void ReleaseData(ulong entry)
    {
        if ((entry & Compressed) != 0)
        {
            (long start, int size) = CompressedRange(entry);
            for (long at = start & ~(long)(_header.ClusterSize - 1); at < start + size; at += _header.ClusterSize)
            {
                _refcounts!.Release(at);
            }
        }
        else if ((entry & OffsetMask) != 0)
        {
            _refcounts!.Release((long)(entry & OffsetMask));
        }
    }

    private ulong Mapping(long cluster)
    {
        int level1Index = Level1Index(cluster);
        bool mapped = (_level1[level1Index] & OffsetMask) != 0 || _level2.ContainsKey(level1Index);
        return mapped ? Table(level1Index)[IndexInTable(cluster)] : 0;
    }

    private int Level1Index(long cluster) => (int)((cluster >> _header.ClusterBits) / EntriesPerTable);

    private int IndexInTable(long cluster) => (int)((cluster >> _header.ClusterBits) % EntriesPerTable);

    private ulong[] Table(int level1Index)
    {
        if (_level2.TryGetValue(level1Index, out ulong[]? table))
        {
            return table;
        }

        MakeRoom();
        byte[] bytes = new byte[_header.ClusterSize];
        ReadWhole(bytes, (long)(_level1[level1Index] & OffsetMask));
        table = ToEntries(bytes);
        _level2.Add(level1Index, table);
        return table;
    }

    /// <summary>The level 2 table of a cluster, of this file's own: new, or copied where a snapshot shares it.</summary>
    private ulong[] OwnTable(long cluster, out int level1Index)
    {
        level1Index = Level1Index(cluster);
        ulong entry = _level1[level1Index];
        if ((entry & Copied) != 0)
        {
            return Table(level1Index);
        }

        ulong[] table = (entry & OffsetMask) == 0 ? new ulong[EntriesPerTable] : Table(level1Index);
        if (!_level2.ContainsKey(level1Index))
        {
            MakeRoom();
        }

        _level2[level1Index] = table;
        _level1[level1Index] = (ulong)_refcounts!.Allocate() | Copied;
        _level1Changed = true;
        _changed.Add(level1Index);
        if ((entry & OffsetMask) != 0)
        {
            _refcounts.Release((long)(entry & OffsetMask));
        }

        return table;
    }

    private void MakeRoom()
    {
        if (_level2.Count < TablesCachedMax)
        {
            return;
        }

        if (_changed.Count > 0 || _level1Changed)
        {
            Flush();
        }

        _level2.Clear();
    }

    private void WriteMappings()
    {
        byte[] bytes = new byte[_header.ClusterSize];
        foreach (int index in _changed)
        {
            ToBytes(_level2[index], bytes);
            RandomAccess.Write(_file, bytes, (long)(_level1[index] & OffsetMask));
        }

        _changed.Clear();
        if (_level1Changed)
        {
            // The tables that it names must be there before it names them.
            RandomAccess.FlushToDisk(_file);
            byte[] level1 = new byte[_level1.Length * sizeof(ulong)];
            ToBytes(_level1, level1);
            RandomAccess.Write(_file, level1, _header.Level1Offset);
            _level1Changed = false;
        }
    }

    private (long Start, int Size) CompressedRange(ulong entry)
    {
        int offsetBits = 62 - (_header.ClusterBits - 8);
        long start = (long)(entry & ((1UL << offsetBits) - 1));
        int sectors = (int)(entry >> offsetBits & ((1UL << (_header.ClusterBits - 8)) - 1)) + 1;
        return (start, sectors * SectorSize - (int)(start & (SectorSize - 1)));
    }

    private byte[] Inflate(ulong entry)
    {
        if (_inflated is not null && _inflatedEntry == (long)entry)
        {
            return _inflated;
        }

        (long start, int size) = CompressedRange(entry);
        byte[] compressed = new byte[size];
        int read = RandomAccess.Read(_file, compressed, start);
        byte[] cluster = new byte[_header.ClusterSize];
        using var source = new DeflateStream(new MemoryStream(compressed, 0, read), CompressionMode.Decompress);
        try
        {
            source.ReadExactly(cluster);
        }
        catch (Exception damaged) when (damaged is InvalidDataException or EndOfStreamException)
        {
            throw new IOException("A compressed cluster of the disk is damaged.", damaged);
        }

        _inflated = cluster;
        _inflatedEntry = (long)entry;
        return cluster;
    }

    private void ReadWhole(Span<byte> destination, long offset)
    {
        int read = RandomAccess.Read(_file, destination, offset);
        if (read != destination.Length)
        {
            throw new IOException("The disk's mapping tables are cut short.");
        }
    }

    private void ReadPadded(Span<byte> destination, long offset)
    {
        // A last cluster need not be there whole.
        int read = RandomAccess.Read(_file, destination, offset);
        destination[read..].Clear();
    }

    private static ulong[] ToEntries(byte[] bytes)
    {
        ulong[] entries = new ulong[bytes.Length / sizeof(ulong)];
        for (int i = 0; i < entries.Length; i++)
        {
            entries[i] = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(i * sizeof(ulong)));
        }

        return entries;
    }

    private static void ToBytes(ulong[] entries, byte[] bytes)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * sizeof(ulong)), entries[i]);
        }
    }
}
