using System.Buffers.Binary;

namespace Cloud.Vmm.RiscV.State;

/// <summary>The first page of a saved state: what is where. It is written last, so a state that was not written whole has none.</summary>
/// <remarks>
/// <code>
///  0  "cloudvmm"      8  version
/// 16  memory's size  24  its offset
/// 32  page sums' offset, 40 size, 48 CRC-32C     a word a page; 0 for a page of zeros, which the file need not hold
/// 56  devices' offset,   64 size, 72 CRC-32C
/// 80  CRC-32C of the bytes before
/// </code>
/// </remarks>
internal sealed record StateHeader
{
    internal const int Size = 4096;
    internal const uint Version = 1;

    /// <summary>Where the memory begins: on a page of its own, so that it can be mapped.</summary>
    internal const long MemoryOffset = Size;
    private const int Used = 84;
    private const ulong Magic = 0x6D6D_7664_756F_6C63;

    internal required ulong MemoryBytes { get; init; }

    internal required StatePart PageSums { get; init; }

    internal required StatePart Devices { get; init; }

    internal byte[] ToBytes()
    {
        byte[] bytes = new byte[Size];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), MemoryBytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), MemoryOffset);
        PageSums.Write(bytes.AsSpan(32));
        Devices.Write(bytes.AsSpan(56));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(Used - 4), Checksum.Of(bytes.AsSpan(0, Used - 4)));
        return bytes;
    }

    /// <exception cref="InvalidDataException">It is no state, damaged, or of another version.</exception>
    internal static StateHeader Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Used || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic)
        {
            throw new InvalidDataException("This is no state of a machine.");
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        if (version != Version)
        {
            throw new InvalidDataException($"The state is of version {version}; {Version} is known here.");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[(Used - 4)..]) != Checksum.Of(bytes[..(Used - 4)])
            || BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]) != Size)
        {
            throw new InvalidDataException("The state's header is damaged.");
        }

        return new StateHeader
        {
            MemoryBytes = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            PageSums = StatePart.Parse(bytes[32..]),
            Devices = StatePart.Parse(bytes[56..]),
        };
    }
}

/// <summary>A part of a state's file.</summary>
internal readonly record struct StatePart(long Offset, long Bytes, uint Sum)
{
    internal void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteInt64LittleEndian(bytes, Offset);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[8..], Bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[16..], Sum);
    }

    internal static StatePart Parse(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadInt64LittleEndian(bytes), BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]));
}
