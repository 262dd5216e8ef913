using System.Buffers.Binary;
using System.Text;
using Cloud.Vmm.RiscV.Disks;
using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices.Virtio.Block;

/// <summary>
/// The block device (virtio 1.2 §5.2): read, write, flush, discard, write zeroes, and the serial number. A drive whose disk can come and
/// go: empty it has no capacity, and the driver is told when that changes.
/// </summary>
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

    private readonly byte[] _serial = new byte[SerialSize];
    private readonly byte[] _configuration = new byte[60];
    private readonly byte[] _piece = new byte[PieceSize];
    private IDisk? _disk;
    private volatile bool _leaving;
    private bool _configurationIsNew;

    internal VirtioBlock()
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(12), SegmentsMax);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(20), SectorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(36), DiscardSectorsMax);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(40), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(44), 4096 / SectorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(48), DiscardSectorsMax);
        BinaryPrimitives.WriteUInt32LittleEndian(_configuration.AsSpan(52), 1);
        _configuration[56] = 1;
    }

    /// <param name="disk">What is in the drive from the start.</param>
    /// <param name="serial">At most 20 bytes of ASCII.</param>
    internal VirtioBlock(IDisk disk, string serial)
        : this() => Insert(disk, serial);

    /// <summary>Counters of the disk that is in the drive; read from any thread.</summary>
    internal DiskCounters Counters { get; private set; } = new();

    /// <summary>
    /// Told when the guest has let go of a disk that it was asked for (<see cref="AskToLetGo"/>); on a thread that must not wait.
    /// </summary>
    internal Action? LetGo { get; set; }

    internal override uint DeviceId => 2;

    // Of an empty drive nobody knows what will be put in: what cannot be written then says so at each write.
    internal override ulong Features => FeatureSegmentsMax | FeatureFlush
        | (_disk is { ReadOnly: true } ? FeatureReadOnly : FeatureDiscard | FeatureWriteZeroes);

    internal override int QueueCount => 1;

    /// <summary>Puts a disk into the empty drive.</summary>
    internal void Insert(IDisk disk, string serial)
    {
        if (Encoding.ASCII.GetByteCount(serial) > SerialSize)
        {
            throw new ArgumentException($"A disk's serial has at most {SerialSize} bytes.", nameof(serial));
        }

        Exclude(() =>
        {
            _disk = disk;
            _leaving = false;
            Counters = new DiskCounters();
            Array.Clear(_serial);
            Encoding.ASCII.GetBytes(serial, _serial);
        });
        ConfigurationChanged();
    }

    /// <summary>Puts another disk that holds the same in the place of the one in the drive; the guest does not notice.</summary>
    /// <param name="change">Makes it, while the drive does nothing; null where the one in the drive stays.</param>
    internal void Replace(Func<IDisk?> change) => Exclude(() => _disk = change() ?? _disk);

    /// <summary>
    /// Asks the guest to let go: the drive has no capacity any more. A driver does when it has read that, any guest at its reset.
    /// </summary>
    internal void AskToLetGo()
    {
        _leaving = true;
        ConfigurationChanged();
    }

    /// <summary>Takes the disk out; all that the guest wrote is durable then.</summary>
    internal void Eject()
    {
        Exclude(() =>
        {
            _disk?.Flush();
            _disk = null;
            _leaving = false;
            Array.Clear(_serial);
        });
        ConfigurationChanged();
    }

    /// <summary>Makes the disk larger, and tells the driver.</summary>
    internal void Grow(long sizeBytes)
    {
        Exclude(() => _disk?.Grow(sizeBytes));
        ConfigurationChanged();
    }

    /// <summary>Makes all that the guest wrote durable.</summary>
    internal void Flush() => Exclude(() => _disk?.Flush());

    internal override void Reset() => TellLetGo();

    internal override void Save(StateWriter state)
    {
        state.U64(Sectors);
        state.Bytes(_serial);
    }

    /// <summary>The disk may have grown since; another it must not be.</summary>
    internal override void Load(StateReader state)
    {
        ulong sectors = state.U64();
        if (!state.Bytes().AsSpan().SequenceEqual(_serial))
        {
            throw new InvalidDataException("The state has another disk in a drive than this machine.");
        }

        _configurationIsNew = sectors != Sectors;
    }

    internal override void Started()
    {
        if (_configurationIsNew)
        {
            _configurationIsNew = false;
            ConfigurationChanged();
        }
    }

    private ulong Sectors => _leaving || _disk is null ? 0 : (ulong)_disk.SizeBytes >> SectorBits;

    internal override byte ReadConfiguration(int offset)
    {
        if (offset == 0)
        {
            TellLetGo();
        }

        return offset < sizeof(ulong) ? (byte)(Sectors >> (8 * offset)) : offset < _configuration.Length ? _configuration[offset] : (byte)0;
    }

    internal override void Process(int queue)
    {
        while (Queues[queue].Pop() is { } chain)
        {
            Serve(chain);
            Complete(queue, chain);
        }
    }

    private void TellLetGo()
    {
        if (_leaving)
        {
            LetGo?.Invoke();
        }
    }

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
            status = _disk is { } disk ? Run(disk, type, sector, chain) : StatusIoError;
        }
        catch (IOException)
        {
            // The guest sees the error as of a bad disk, and can go on.
            status = StatusIoError;
            Counters.Failed();
        }

        chain.Write(chain.WritableBytes - 1, [status]);
    }

    private byte Run(IDisk disk, BlockRequestType type, ulong sector, DescriptorChain chain)
    {
        switch (type)
        {
            case BlockRequestType.In:
                return Read(disk, sector, chain);
            case BlockRequestType.Out when !disk.ReadOnly:
                return Write(disk, sector, chain);
            case BlockRequestType.Flush:
                if (!disk.ReadOnly)
                {
                    disk.Flush();
                    Counters.Flushed();
                }

                return StatusOk;
            case BlockRequestType.GetId:
                chain.Write(0, _serial.AsSpan(0, (int)Math.Min(SerialSize, chain.WritableBytes - 1)));
                return StatusOk;
            case BlockRequestType.Discard or BlockRequestType.WriteZeroes when !disk.ReadOnly:
                return Clear(disk, type, chain);
            case BlockRequestType.Out or BlockRequestType.Discard or BlockRequestType.WriteZeroes:
                return StatusIoError;
            default:
                return StatusUnsupported;
        }
    }

    private byte Read(IDisk disk, ulong sector, DescriptorChain chain)
    {
        long size = chain.WritableBytes - 1;
        if (!Lies(disk, sector, size))
        {
            return StatusIoError;
        }

        long start = (long)sector << SectorBits;
        for (long done = 0; done < size; done += PieceSize)
        {
            Span<byte> piece = _piece.AsSpan(0, (int)Math.Min(PieceSize, size - done));
            disk.Read(start + done, piece);
            chain.Write(done, piece);
        }

        Counters.Read(size);
        return StatusOk;
    }

    private byte Write(IDisk disk, ulong sector, DescriptorChain chain)
    {
        long size = chain.ReadableBytes - HeaderSize;
        if (!Lies(disk, sector, size))
        {
            return StatusIoError;
        }

        long start = (long)sector << SectorBits;
        for (long done = 0; done < size; done += PieceSize)
        {
            Span<byte> piece = _piece.AsSpan(0, (int)Math.Min(PieceSize, size - done));
            chain.Read(HeaderSize + done, piece);
            disk.Write(start + done, piece);
        }

        Counters.Wrote(size);
        return StatusOk;
    }

    private static byte Clear(IDisk disk, BlockRequestType type, DescriptorChain chain)
    {
        Span<byte> range = stackalloc byte[RangeSize];
        if (chain.ReadableBytes != HeaderSize + RangeSize || chain.Read(HeaderSize, range) < RangeSize)
        {
            return StatusUnsupported;
        }

        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(range);
        uint sectors = BinaryPrimitives.ReadUInt32LittleEndian(range[8..]);
        if (sectors > DiscardSectorsMax || !Lies(disk, sector, (long)sectors << SectorBits))
        {
            return StatusIoError;
        }

        // A discard is a hint: only where zeros may take no room is it worth doing. Write zeroes must be done.
        if (type == BlockRequestType.WriteZeroes || disk is RawDisk)
        {
            disk.WriteZeroes((long)sector << SectorBits, (long)sectors << SectorBits);
        }

        return StatusOk;
    }

    private static bool Lies(IDisk disk, ulong sector, long size)
    {
        ulong sectors = (ulong)disk.SizeBytes >> SectorBits;
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
