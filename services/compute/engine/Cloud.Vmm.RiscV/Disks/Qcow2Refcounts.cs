using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.RiscV.Disks;

/// <summary>A qcow2 file's reference counts, and with them where free clusters are: new ones are taken at the end of the file.</summary>
internal sealed class Qcow2Refcounts
{
    private const int BlocksCachedMax = 64;

    private readonly SafeFileHandle _file;
    private readonly Qcow2Header _header;
    private readonly ulong[] _table;
    private readonly Dictionary<long, byte[]> _blocks = [];
    private readonly HashSet<long> _changed = [];
    private long _end;

    internal Qcow2Refcounts(SafeFileHandle file, Qcow2Header header)
    {
        _file = file;
        _header = header;
        byte[] bytes = new byte[header.RefcountTableClusters << header.ClusterBits];
        ReadWhole(bytes, header.RefcountTableOffset);
        _table = new ulong[bytes.Length / sizeof(ulong)];
        for (int i = 0; i < _table.Length; i++)
        {
            _table[i] = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(i * sizeof(ulong)));
        }

        _end = RoundUp(RandomAccess.GetLength(file));
    }

    private int EntriesPerBlock => (_header.ClusterSize * 8) >> _header.RefcountOrder;

    /// <summary>Takes a new cluster, counted once; its bytes are undefined.</summary>
    /// <exception cref="IOException">The host's file cannot grow.</exception>
    internal long Allocate()
    {
        long offset = Take();
        Add(offset, 1);
        return offset;
    }

    /// <summary>Takes so many new clusters that follow each other; returns where the first is.</summary>
    internal long AllocateRun(long count)
    {
        long first = Allocate();
        for (long taken = 1; taken < count; taken++)
        {
            long next = Allocate();
            if (next != first + (taken << _header.ClusterBits))
            {
                // A block of counts came between: the run begins anew after it.
                for (; taken > 0; taken--)
                {
                    Release(first + ((taken - 1) << _header.ClusterBits));
                }

                first = next;
            }
        }

        return first;
    }

    /// <summary>Drops one reference to a cluster.</summary>
    internal void Release(long offset) => Add(offset, -1);

    /// <summary>Writes what changed to the file.</summary>
    internal void WriteBack()
    {
        foreach (long offset in _changed)
        {
            RandomAccess.Write(_file, _blocks[offset], offset);
        }

        _changed.Clear();
    }

    private long Take()
    {
        long offset = _end;
        _end += _header.ClusterSize;
        return offset;
    }

    private void Add(long offset, int change)
    {
        long cluster = offset >> _header.ClusterBits;
        byte[] block = BlockOf(cluster, out long blockOffset);
        int index = (int)(cluster % EntriesPerBlock);
        ulong count = Get(block, index);
        if (change < 0 && count == 0)
        {
            throw new IOException("The disk's reference counts are damaged.");
        }

        Set(block, index, count + (ulong)change);
        _changed.Add(blockOffset);
    }

    private byte[] BlockOf(long cluster, out long offset)
    {
        long index = cluster / EntriesPerBlock;
        if (index >= _table.Length)
        {
            throw new IOException("The disk's file is at the largest size that its reference counts can tell of.");
        }

        offset = (long)(_table[index] & ~0x1FFUL);
        if (offset != 0)
        {
            return Cached(offset);
        }

        // A new block of counts, which also counts itself, whether in this block or another.
        offset = Take();
        byte[] block = new byte[_header.ClusterSize];
        RandomAccess.Write(_file, block, offset);
        MakeRoom();
        _blocks[offset] = block;
        _table[index] = (ulong)offset;
        Span<byte> entry = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(entry, (ulong)offset);
        RandomAccess.Write(_file, entry, _header.RefcountTableOffset + index * sizeof(ulong));
        Add(offset, 1);
        return block;
    }

    private byte[] Cached(long offset)
    {
        if (_blocks.TryGetValue(offset, out byte[]? block))
        {
            return block;
        }

        MakeRoom();
        block = new byte[_header.ClusterSize];
        ReadWhole(block, offset);
        _blocks[offset] = block;
        return block;
    }

    private void MakeRoom()
    {
        if (_blocks.Count >= BlocksCachedMax)
        {
            WriteBack();
            _blocks.Clear();
        }
    }

    private ulong Get(byte[] block, int index) => _header.RefcountOrder switch
    {
        3 => block[index],
        4 => BinaryPrimitives.ReadUInt16BigEndian(block.AsSpan(index * 2)),
        5 => BinaryPrimitives.ReadUInt32BigEndian(block.AsSpan(index * 4)),
        6 => BinaryPrimitives.ReadUInt64BigEndian(block.AsSpan(index * 8)),
        var order => (ulong)(block[(index << order) >> 3] >> ((index << order) & 7)) & ((1UL << (1 << order)) - 1),
    };

    private void Set(byte[] block, int index, ulong value)
    {
        int bits = 1 << _header.RefcountOrder;
        if (bits < 64 && value >> bits != 0)
        {
            throw new IOException("A cluster of the disk has more references than its counts can tell.");
        }

        switch (_header.RefcountOrder)
        {
            case 3:
                block[index] = (byte)value;
                break;
            case 4:
                BinaryPrimitives.WriteUInt16BigEndian(block.AsSpan(index * 2), (ushort)value);
                break;
            case 5:
                BinaryPrimitives.WriteUInt32BigEndian(block.AsSpan(index * 4), (uint)value);
                break;
            case 6:
                BinaryPrimitives.WriteUInt64BigEndian(block.AsSpan(index * 8), value);
                break;
            default:
                int position = index * bits;
                int shift = position & 7;
                int mask = (1 << bits) - 1;
                block[position >> 3] = (byte)(block[position >> 3] & ~(mask << shift) | (int)value << shift);
                break;
        }
    }

    private long RoundUp(long offset) => (offset + _header.ClusterSize - 1) & ~(long)(_header.ClusterSize - 1);

    private void ReadWhole(Span<byte> destination, long offset)
    {
        if (RandomAccess.Read(_file, destination, offset) != destination.Length)
        {
            throw new InvalidDataException("The disk's reference counts are cut short.");
        }
    }
}
