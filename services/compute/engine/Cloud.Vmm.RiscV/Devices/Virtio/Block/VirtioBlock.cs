using System.Buffers.Binary;
using System.Text;
using Cloud.Vmm.RiscV.Disks;

namespace Cloud.Vmm.RiscV.Devices.Virtio.Block;

/// <summary>The block device (virtio 1.2 §5.2): read, write, flush, discard, write zeroes, and the serial number.</summary>
internal sealed class VirtioBlock : VirtioDevice
{
    private const int SectorBits = 9;
    private const int SectorSize = 1 << SectorBits;
    private const int HeaderSize = 16;
    private const int SerialSize = 20;
    private const int SegmentsMax = 254;

    // A request is served by pieces of this size, so that what the guest asks for at once costs no memory here.
    private const int PieceSize = 128 * 1024;
    private const int RangeSize = 16;
    private const uint DiscardSectorsMax = 1 << 22;

    private const ulong FeatureSegmentsMax = 1UL << 2;
    private const ulong FeatureReadOnly = 1UL << 5;
    private const ulong FeatureFlush = 1UL << 9;
    private const ulong FeatureDiscard = 1UL << 13;
    private const ulong FeatureWriteZeroes = 1UL << 14;

    private const byte StatusOk = 0;
    private const byte StatusIoError = 1;
    private const byte StatusUnsupported = 2;

    private readonly IDisk _disk;
    private readonly byte[] _serial = new byte[SerialSize];
    private readonly byte[] _configuration = new byte[60];
    private readonly byte[] _piece = new byte[PieceSize];

    /// <param name="serial">At most 20 bytes of ASCII.</param>
    internal VirtioBlock(IDisk disk, string serial)
    {
        _disk = disk;
        if (Encoding.ASCII.GetByteCount(serial) > SerialSize)
        {
            throw new ArgumentException($"A disk's serial has at most {SerialSize} bytes.", nameof(serial));
        }

        Encoding.ASCII.GetBytes(serial, _serial);
        BinaryPrimitives.WriteInt64LittleEndian(_configuration, disk.SizeBytes >> SectorBits);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(12), SegmentsMax);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(20), SectorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(36), DiscardSectorsMax);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(40), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(44), 4096 / SectorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(48), DiscardSectorsMax);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(52), 1);
        _configuration[56] = 1;
    }

    /// <summary>Counters since the device was made; read from any thread.</summary>
    internal DiskCounters Counters { get; } = new();

    internal override uint DeviceId => 2;

    internal override ulong Features => FeatureSegmentsMax | FeatureFlush
        | (_disk.ReadOnly ? FeatureReadOnly : FeatureDiscard | FeatureWriteZeroes);

    internal override int QueueCount => 1;

    internal override byte ReadConfiguration(int offset) => offset < _configuration.Length ? _configuration[offset] : (byte)0;

    internal override void Process(int queue)
    {
        while (Queues[queue].Pop() is { } chain)
        {
            Serve(chain);
            Complete(queue, chain);
        }
    }

    /// <summary>When it returns, all that the guest wrote is durable; the guest does not run.</summary>
    internal void Close() => _disk.Dispose();

    private void Serve(DescriptorChain chain)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        if (chain.Read(0, header) < HeaderSize || chain.WritableBytes < 1)
        {
            throw new BrokenQueueException("A block request has no header or no room for its status.");
        }

        var type = (BlockRequestType)BinaryPrimitives.ReadUInt32LittleEndian(header);
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        byte status;
        try
        {
            status = Run(type, sector, chain);
        }
        catch (IOException)
        {
            // The guest sees the error as of a bad disk, and can go on.
            status = StatusIoError;
            Counters.Failed();
        }

        chain.Write(chain.WritableBytes - 1, [status]);
    }

    private byte Run(BlockRequestType type, ulong sector, DescriptorChain chain)
    {
        switch (type)
        {
            case BlockRequestType.In:
                return Read(sector, chain);
            case BlockRequestType.Out when !_disk.ReadOnly:
                return Write(sector, chain);
            case BlockRequestType.Flush:
                if (!_disk.ReadOnly)
                {
                    _disk.Flush();
                    Counters.Flushed();
                }

                return StatusOk;
            case BlockRequestType.GetId:
                chain.Write(0, _serial.AsSpan(0, (int)Math.Min(SerialSize, chain.WritableBytes - 1)));
                return StatusOk;
            case BlockRequestType.Discard or BlockRequestType.WriteZeroes when !_disk.ReadOnly:
                return Clear(type, chain);
            case BlockRequestType.Out or BlockRequestType.Discard or BlockRequestType.WriteZeroes:
                return StatusIoError;
            default:
                return StatusUnsupported;
        }
    }

    private byte Read(ulong sector, DescriptorChain chain)
    {
        long size = chain.WritableBytes - 1;
        if (!Lies(sector, size))
        {
            return StatusIoError;
        }

        long start = (long)sector << SectorBits;
        for (long done = 0; done < size; done += PieceSize)
        {
            Span<byte> piece = _piece.AsSpan(0, (int)Math.Min(PieceSize, size - done));
            _disk.Read(start + done, piece);
            chain.Write(done, piece);
        }

        Counters.Read(size);
        return StatusOk;
    }

    private byte Write(ulong sector, DescriptorChain chain)
    {
        long size = chain.ReadableBytes - HeaderSize;
        if (!Lies(sector, size))
        {
            return StatusIoError;
        }

        long start = (long)sector << SectorBits;
        for (long done = 0; done < size; done += PieceSize)
        {
            Span<byte> piece = _piece.AsSpan(0, (int)Math.Min(PieceSize, size - done));
            chain.Read(HeaderSize + done, piece);
            _disk.Write(start + done, piece);
        }

        Counters.Wrote(size);
        return StatusOk;
    }

    private byte Clear(BlockRequestType type, DescriptorChain chain)
    {
        Span<byte> range = stackalloc byte[RangeSize];
        if (chain.ReadableBytes != HeaderSize + RangeSize || chain.Read(HeaderSize, range) < RangeSize)
        {
            return StatusUnsupported;
        }

        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(range);
        uint sectors = BinaryPrimitives.ReadUInt32LittleEndian(range[8..]);
        if (sectors > DiscardSectorsMax || !Lies(sector, (long)sectors << SectorBits))
        {
            return StatusIoError;
        }

        // A discard is a hint: only where zeros may take no room is it worth doing. Write zeroes must be done.
        if (type == BlockRequestType.WriteZeroes || _disk is RawDisk)
        {
            _disk.WriteZeroes((long)sector << SectorBits, (long)sectors << SectorBits);
        }

        return StatusOk;
    }

    private bool Lies(ulong sector, long size)
    {
        ulong sectors = (ulong)_disk.SizeBytes >> SectorBits;
        return (size & (SectorSize - 1)) == 0 && sector <= sectors && (ulong)(size >> SectorBits) <= sectors - sector;
    }

    private enum BlockRequestType : uint
    {
        In = 0,
        Out = 1,
        Flush = 4,
        GetId = 8,
        Discard = 11,
        WriteZeroes = 13,
    }
}
