using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// A saved state in QEMU's migration stream (docs/devel/migration.rst; migration/savevm.c and ram.c), taken apart: the guest's memory goes
/// to a file of its own, byte for byte, and what is left is a stream that a machine goes on from whose memory is that file already. The
/// stream was written by a process that a guest may have taken over: nothing in it is believed.
/// </summary>
/// <remarks>
/// <code>
/// magic, version, configuration          then sections, of which those of memory come first
///   begin  (id, "ram", instance, version)  the blocks of memory and their sizes
///   part   (id)                            pages, each after the block's name and its place; a page may come more than once
///   end    (id)                            the last of them
/// the devices' sections, to the end
/// </code>
/// </remarks>
internal sealed class SavedStream
{
    private const uint Magic = 0x5145_564D;
    private const uint Version = 3;
    private const byte ConfigurationMark = 0x07;
    private const byte Begin = 0x01;
    private const byte Part = 0x02;
    private const byte End = 0x03;
    private const byte Footer = 0x7E;
    private const string MemorySection = "ram";

    private const int PageSize = 4096;
    private const ulong FlagMask = PageSize - 1;
    private const ulong PageOfZeros = 0x02;
    private const ulong Sizes = 0x04;
    private const ulong WholePage = 0x08;
    private const ulong EndOfSection = 0x10;
    private const ulong SameBlock = 0x20;

    private const int BufferBytes = 1 << 20;
    private const int PagesAtOnce = 64;
    private const int NameBytesMax = 255;
    private const int ConfigurationBytesMax = 255;

    /// <summary>More than any board has.</summary>
    private const int BlocksMax = 256;

    /// <summary>The devices, and memory that is not the guest's: firmware and option ROMs.</summary>
    private const long RestBytesMax = 256 << 20;

    private readonly Stream _from;
    private readonly MemoryStream _rest;
    private readonly SafeFileHandle _memory;
    private readonly long _memoryBytes;
    private readonly string _memoryName;

    private readonly byte[] _number = new byte[sizeof(ulong)];
    private readonly byte[] _pages = new byte[PagesAtOnce * PageSize];
    private readonly byte[] _page = new byte[PageSize];
    private readonly bool[] _written;
    private long _runStart;
    private int _runLength;
    private string _block = "";
    private string? _keptBlock;
    private uint _section;

    private SavedStream(Stream from, string memoryName, SafeFileHandle memory, MemoryStream rest)
    {
        (_from, _memoryName, _memory, _rest) = (from, memoryName, memory, rest);
        _memoryBytes = RandomAccess.GetLength(memory);
        _written = new bool[_memoryBytes / PageSize];
    }

    /// <summary>Takes a state apart.</summary>
    /// <param name="path">The state's file.</param>
    /// <param name="memoryName">QEMU's name of the guest's memory.</param>
    /// <param name="memory">A file of the memory's size, all zeros: takes the memory.</param>
    /// <param name="rest">An empty file: takes the rest.</param>
    /// <param name="ct">Ends it; what was written is of no use then.</param>
    /// <exception cref="VmException">It is no such stream, or of a machine with another size of memory.</exception>
    /// <exception cref="IOException">It cannot be read, or there is no room for it.</exception>
    public static void TakeApart(string path, string memoryName, SafeFileHandle memory, SafeFileHandle rest, CancellationToken ct)
    {
        using var from = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, BufferBytes);
        using var left = new MemoryStream();
        try
        {
            new SavedStream(from, memoryName, memory, left).Run(ct);
            RandomAccess.Write(rest, left.GetBuffer().AsSpan(0, (int)left.Length), 0);
        }
        catch (EndOfStreamException cut)
        {
            throw new VmException("The saved state is cut short.", cut);
        }
    }

    private void Run(CancellationToken ct)
    {
        CopyHeader();
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            var kind = ReadByte();
            ReadSectionHead(kind);
            ReadMemory(ct);
            ReadFooter();
            if (kind == Begin)
            {
                WriteEnd();
            }
            else if (kind == End)
            {
                break;
            }
        }

        WriteRun();
        if (_keptBlock is not null)
        {
            WriteEnd();
        }

        WriteByte(End);
        WriteUInt32(_section);
        WriteEnd();
        RequireRoom(_from.Length - _from.Position);
        _from.CopyTo(_rest);
    }

    private void CopyHeader()
    {
        if (ReadUInt32() != Magic || ReadUInt32() != Version || ReadByte() != ConfigurationMark)
        {
            throw Unknown("its beginning");
        }

        var length = ReadUInt32();
        var configuration = new byte[length <= ConfigurationBytesMax ? length : throw Unknown("its configuration")];
        _from.ReadExactly(configuration);
        WriteUInt32(Magic);
        WriteUInt32(Version);
        WriteByte(ConfigurationMark);
        WriteUInt32(length);
        _rest.Write(configuration);
    }

    private void ReadSectionHead(byte kind)
    {
        var section = ReadUInt32();
        if (kind == Begin && _block.Length == 0 && ReadName() is MemorySection)
        {
            _section = section;
            WriteByte(Begin);
            WriteUInt32(section);
            WriteName(MemorySection);
            WriteUInt32(ReadUInt32());
            WriteUInt32(ReadUInt32());
        }
        else if (kind is not (Part or End) || _block.Length == 0 || section != _section)
        {
            throw Unknown($"a section of kind {kind}");
        }
    }

    private void ReadFooter()
    {
        if (ReadByte() != Footer || ReadUInt32() != _section)
        {
            throw Unknown("a section's end");
        }
    }

    /// <summary>All of one section.</summary>
    private void ReadMemory(CancellationToken ct)
    {
        while (ReadUInt64() is var head && (head & FlagMask) != EndOfSection)
        {
            var (offset, flags) = ((long)(head & ~FlagMask), head & FlagMask);
            if (flags == Sizes)
            {
                CopySizes(head);
                continue;
            }

            if ((flags & SameBlock) == 0)
            {
                _block = ReadName();
                ct.ThrowIfCancellationRequested();
            }

            ReadPage(offset, flags & ~SameBlock);
        }
    }

    private void CopySizes(ulong head)
    {
        if (_block.Length > 0)
        {
            throw Unknown("the sizes of memory, once more");
        }

        WriteUInt64(head);
        var (found, blocks) = (false, 0);
        for (var left = (long)(head & ~FlagMask); left > 0;)
        {
            _block = ReadName();
            var bytes = (long)ReadUInt64();
            if (bytes <= 0 || bytes > left || (_block == _memoryName && bytes != _memoryBytes))
            {
                throw new VmException("The saved state is of a machine with another size of memory.");
            }

            if (++blocks > BlocksMax)
            {
                throw Unknown($"more than {BlocksMax} blocks of memory");
            }

            found |= _block == _memoryName;
            left -= bytes;
            WriteName(_block);
            WriteUInt64((ulong)bytes);
        }

        if (!found)
        {
            throw Unknown($"no memory of the name '{_memoryName}'");
        }
    }

    private void ReadPage(long offset, ulong flags)
    {
        if (flags is not (PageOfZeros or WholePage) || _block.Length == 0)
        {
            throw Unknown($"a page of the kind {flags}");
        }

        if (_block != _memoryName)
        {
            KeepPage(offset, flags);
        }
        else if (offset < 0 || offset > _memoryBytes - PageSize)
        {
            throw Unknown("a page outside of memory");
        }
        else if (flags == WholePage)
        {
            _from.ReadExactly(RunAt(offset));
        }
        else
        {
            RequireZero(ReadByte());
            if (_written[offset / PageSize])
            {
                RunAt(offset).Clear();
            }
        }
    }

    /// <summary>A page of other memory, in one section more.</summary>
    private void KeepPage(long offset, ulong flags)
    {
        if (_keptBlock is null)
        {
            WriteByte(Part);
            WriteUInt32(_section);
        }

        WriteUInt64((ulong)offset | flags | (_keptBlock == _block ? SameBlock : 0));
        if (_keptBlock != _block)
        {
            WriteName(_block);
            _keptBlock = _block;
        }

        RequireRoom(PageSize);
        var bytes = _page.AsSpan(0, flags == WholePage ? PageSize : 1);
        _from.ReadExactly(bytes);
        _rest.Write(bytes);
    }

    /// <summary>Where a page of memory is put together with those before it.</summary>
    private Span<byte> RunAt(long offset)
    {
        if (_runLength == _pages.Length || offset != _runStart + _runLength)
        {
            WriteRun();
            _runStart = offset;
        }

        _written[offset / PageSize] = true;
        _runLength += PageSize;
        return _pages.AsSpan(_runLength - PageSize, PageSize);
    }

    private void WriteRun()
    {
        RandomAccess.Write(_memory, _pages.AsSpan(0, _runLength), _runStart);
        _runLength = 0;
    }

    /// <summary>Ends a section of memory.</summary>
    private void WriteEnd()
    {
        WriteUInt64(EndOfSection);
        WriteByte(Footer);
        WriteUInt32(_section);
    }

    private void RequireRoom(long more)
    {
        if (_rest.Length + more > RestBytesMax)
        {
            throw new VmException($"The saved state has more than {RestBytesMax >> 20} MiB besides the guest's memory.");
        }
    }

    private static void RequireZero(byte filledWith)
    {
        if (filledWith != 0)
        {
            throw Unknown($"a page of {filledWith}");
        }
    }

    private static VmException Unknown(string what) => new($"The saved state is not of the form that is known here: {what}.");

    private byte ReadByte() => _from.ReadByte() is var read and >= 0 ? (byte)read : throw new EndOfStreamException();

    private uint ReadUInt32()
    {
        _from.ReadExactly(_number, 0, sizeof(uint));
        return BinaryPrimitives.ReadUInt32BigEndian(_number);
    }

    private ulong ReadUInt64()
    {
        _from.ReadExactly(_number, 0, sizeof(ulong));
        return BinaryPrimitives.ReadUInt64BigEndian(_number);
    }

    private string ReadName()
    {
        Span<byte> name = stackalloc byte[NameBytesMax];
        name = name[..ReadByte()];
        _from.ReadExactly(name);
        return name.Length > 0 ? Encoding.Latin1.GetString(name) : throw Unknown("an empty name");
    }

    private void WriteByte(byte value) => _rest.WriteByte(value);

    private void WriteUInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_number, value);
        _rest.Write(_number, 0, sizeof(uint));
    }

    private void WriteUInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_number, value);
        _rest.Write(_number, 0, sizeof(ulong));
    }

    private void WriteName(string name)
    {
        WriteByte((byte)name.Length);
        _rest.Write(Encoding.Latin1.GetBytes(name));
    }
}
