using System.Buffers;
using System.Buffers.Binary;

namespace Cloud.Vmm.RiscV.State;

/// <summary>Writes what devices and harts are: numbers of fixed size, little-endian, in named sections with versions.</summary>
internal sealed class StateWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>Writes a section that <see cref="StateReader.Section"/> reads.</summary>
    /// <param name="name">What it is of.</param>
    /// <param name="version">Of what the section holds; raised when that changes.</param>
    /// <param name="write">Writes what the section holds.</param>
    internal void Section(string name, int version, Action<StateWriter> write)
    {
        var inner = new StateWriter();
        write(inner);
        Text(name);
        U32((uint)version);
        Bytes(inner.ToArray());
    }

    internal void Flag(bool value) => U8(value ? (byte)1 : (byte)0);

    internal void U8(byte value) => _bytes.Write([value]);

    internal void U32(uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _bytes.Write(bytes);
    }

    internal void U64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        _bytes.Write(bytes);
    }

    internal void Words(ReadOnlySpan<uint> values)
    {
        foreach (uint value in values)
        {
            U32(value);
        }
    }

    internal void Doubles(ReadOnlySpan<ulong> values)
    {
        foreach (ulong value in values)
        {
            U64(value);
        }
    }

    /// <summary>The length, then the bytes.</summary>
    internal void Bytes(ReadOnlySpan<byte> bytes)
    {
        U32((uint)bytes.Length);
        _bytes.Write(bytes);
    }

    internal void Text(string text) => Bytes(System.Text.Encoding.UTF8.GetBytes(text));

    internal byte[] ToArray() => _bytes.WrittenSpan.ToArray();
}
