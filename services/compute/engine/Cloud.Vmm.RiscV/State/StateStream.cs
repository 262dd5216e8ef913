using System.Buffers.Binary;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.State;

/// <summary>
/// A state on its way to another process: the header's magic, version and memory size, then records of a head (kind, count, first page
/// or 0, CRC-32C) and their bytes. A page may come more than once; the devices come last.
/// </summary>
internal sealed class StateStream(Stream stream, ulong memoryBytes) : IStateTarget
{
    private const ulong Magic = 0x6D6D_7673_756F_6C63;
    private const uint Version = 1;
    private const int GreetingSize = 24;
    private const int HeadSize = 16;
    private const uint Pages = 1;
    private const uint Devices = 2;
    private const int PageSize = 4096;
    private const int BytesMax = 64 << 20;

    private bool _greeted;

    public void WritePages(int first, ReadOnlySpan<byte> pages) => Write(Pages, first, pages);

    public void Finish(byte[] devices)
    {
        Write(Devices, 0, devices);
        stream.Flush();
    }

    /// <summary>Takes a state into a machine that waits for it.</summary>
    /// <returns>What harts and devices are.</returns>
    /// <exception cref="InvalidDataException">It is no state, damaged, or of a machine of another size.</exception>
    /// <exception cref="IOException">The other end has gone.</exception>
    internal static byte[] Load(Stream stream, GuestRam ram)
    {
        Span<byte> greeting = stackalloc byte[GreetingSize];
        stream.ReadExactly(greeting);
        if (BinaryPrimitives.ReadUInt64LittleEndian(greeting) != Magic)
        {
            throw new InvalidDataException("This is no state of a machine.");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(greeting[8..]) is var version && version != Version)
        {
            throw new InvalidDataException($"The state is of version {version}; {Version} is known here.");
        }

        if (BinaryPrimitives.ReadUInt64LittleEndian(greeting[16..]) is var bytes && bytes != ram.Size)
        {
            throw new InvalidDataException($"The state is of a machine with {bytes} bytes of memory; this one has {ram.Size}.");
        }

        Span<byte> head = stackalloc byte[HeadSize];
        while (true)
        {
            stream.ReadExactly(head);
            uint count = BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
            byte[] data = new byte[count <= BytesMax ? count : throw new InvalidDataException("The state makes no sense.")];
            stream.ReadExactly(data);
            if (Checksum.Of(data) != BinaryPrimitives.ReadUInt32LittleEndian(head[12..]))
            {
                throw new InvalidDataException("The state is damaged.");
            }

            uint first = BinaryPrimitives.ReadUInt32LittleEndian(head[8..]);
            switch (BinaryPrimitives.ReadUInt32LittleEndian(head))
            {
                case Pages when ram.Write(ram.Start + (ulong)first * PageSize, data):
                    break;
                case Devices:
                    return data;
                default:
                    throw new InvalidDataException("The state makes no sense.");
            }
        }
    }

    private void Write(uint kind, int first, ReadOnlySpan<byte> data)
    {
        if (!_greeted)
        {
            Span<byte> greeting = stackalloc byte[GreetingSize];
            greeting.Clear();
            BinaryPrimitives.WriteUInt64LittleEndian(greeting, Magic);
            BinaryPrimitives.WriteUInt32LittleEndian(greeting[8..], Version);
            BinaryPrimitives.WriteUInt64LittleEndian(greeting[16..], memoryBytes);
            stream.Write(greeting);
            _greeted = true;
        }

        Span<byte> head = stackalloc byte[HeadSize];
        BinaryPrimitives.WriteUInt32LittleEndian(head, kind);
        BinaryPrimitives.WriteUInt32LittleEndian(head[4..], (uint)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], (uint)first);
        BinaryPrimitives.WriteUInt32LittleEndian(head[12..], Checksum.Of(data));
        stream.Write(head);
        stream.Write(data);
    }
}
