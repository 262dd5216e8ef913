using System.Buffers.Binary;

namespace Cloud.Vmm.RiscV.State;

/// <summary>Reads what <see cref="StateWriter"/> wrote. Whatever does not fit throws <see cref="InvalidDataException"/>.</summary>
internal sealed class StateReader(ReadOnlyMemory<byte> bytes)
{
    private ReadOnlyMemory<byte> _left = bytes;

    /// <summary>Reads a section whole.</summary>
    /// <exception cref="InvalidDataException">Another section is next, it is of another version, or holds more than was read.</exception>
    internal void Section(string name, int version, Action<StateReader> read)
    {
        string found = Text();
        if (found != name)
        {
            throw new InvalidDataException($"The state has '{found}' where this machine has '{name}'.");
        }

        uint foundVersion = U32();
        if (foundVersion != version)
        {
            throw new InvalidDataException($"The state's '{name}' is of version {foundVersion}; {version} is known here.");
        }

        var inner = new StateReader(Bytes());
        read(inner);
        inner.End();
    }

    /// <exception cref="InvalidDataException">Something is left.</exception>
    internal void End()
    {
        if (_left.Length != 0)
        {
            throw new InvalidDataException("The state holds more than this machine has.");
        }
    }

    internal bool Flag() => Take(1)[0] != 0;

    internal byte U8() => Take(1)[0];

    internal uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    internal ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong)));

    internal void Words(Span<uint> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = U32();
        }
    }

    internal void Doubles(Span<ulong> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = U64();
        }
    }

    internal byte[] Bytes() => Take(checked((int)Math.Min(U32(), int.MaxValue))).ToArray();

    internal string Text() => System.Text.Encoding.UTF8.GetString(Bytes());

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _left.Length)
        {
            throw new InvalidDataException("The state is cut short.");
        }

        ReadOnlySpan<byte> taken = _left.Span[..count];
        _left = _left[count..];
        return taken;
    }
}
