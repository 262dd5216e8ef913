using System.Buffers.Binary;
using System.Text;

namespace Cloud.Vmm.RiscV.Boot;

/// <summary>Writes a flattened device tree (Devicetree Specification 0.4, chapter 5).</summary>
internal sealed class DeviceTreeBuilder
{
    private const uint Magic = 0xD00DFEED;
    private const uint Version = 17;
    private const uint CompatibleVersion = 16;
    private const uint BeginNode = 1;
    private const uint EndNode = 2;
    private const uint Property = 3;
    private const uint End = 9;
    private const int HeaderSize = 40;
    private const int ReservationsSize = 16;

    private readonly List<byte> _structure = [];
    private readonly List<byte> _strings = [];
    private readonly Dictionary<string, uint> _stringOffsets = [];

    /// <summary>A node with what the callback puts in.</summary>
    internal void Node(string name, Action fill)
    {
        Word(BeginNode);
        Text(name);
        fill();
        Word(EndNode);
    }

    internal void Cells(string name, params ReadOnlySpan<uint> cells)
    {
        Begin(name, cells.Length * sizeof(uint));
        foreach (uint cell in cells)
        {
            Word(cell);
        }
    }

    internal void Strings(string name, params ReadOnlySpan<string> values)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(string.Join('\0', values.ToArray()) + '\0');
        Bytes(name, bytes);
    }

    internal void Bytes(string name, ReadOnlySpan<byte> value)
    {
        Begin(name, value.Length);
        _structure.AddRange(value);
        Pad();
    }

    internal void Flag(string name) => Begin(name, 0);

    /// <summary>An address and a size of two cells each.</summary>
    internal void Region(ulong start, ulong size) =>
        Cells("reg", (uint)(start >> 32), (uint)start, (uint)(size >> 32), (uint)size);

    /// <summary>The tree with its header.</summary>
    internal byte[] Build()
    {
        Word(End);
        int structureOffset = HeaderSize + ReservationsSize;
        int stringsOffset = structureOffset + _structure.Count;
        int total = (stringsOffset + _strings.Count + 7) & ~7;
        byte[] tree = new byte[total];
        ReadOnlySpan<uint> header =
        [
            Magic, (uint)total, (uint)structureOffset, (uint)stringsOffset, HeaderSize, Version, CompatibleVersion, 0,
            (uint)_strings.Count, (uint)_structure.Count,
        ];
        for (int i = 0; i < header.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(tree.AsSpan(i * sizeof(uint)), header[i]);
        }

        _structure.CopyTo(tree, structureOffset);
        _strings.CopyTo(tree, stringsOffset);
        return tree;
    }

    private void Begin(string name, int size)
    {
        if (!_stringOffsets.TryGetValue(name, out uint offset))
        {
            offset = (uint)_strings.Count;
            _stringOffsets.Add(name, offset);
            _strings.AddRange(Encoding.ASCII.GetBytes(name + '\0'));
        }

        Word(Property);
        Word((uint)size);
        Word(offset);
    }

    private void Text(string text)
    {
        _structure.AddRange(Encoding.ASCII.GetBytes(text + '\0'));
        Pad();
    }

    private void Word(uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        _structure.AddRange(bytes);
    }

    private void Pad()
    {
        while ((_structure.Count & 3) != 0)
        {
            _structure.Add(0);
        }
    }
}
