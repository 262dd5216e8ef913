using System.Buffers.Binary;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Tests;

/// <summary>Assembles instructions by the instruction table: enough for the suites' programs, with labels for branches.</summary>
internal sealed class Asm
{
    private readonly List<byte> _bytes = [];
    private readonly Dictionary<string, int> _labels = [];
    private readonly List<(int At, string Label, Op Op, int Rs1, int Rs2)> _fixes = [];

    internal int Position => _bytes.Count;

    internal Asm Word(uint code)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(word, code);
        _bytes.AddRange(word);
        return this;
    }

    internal Asm Half(ushort code)
    {
        _bytes.Add((byte)code);
        _bytes.Add((byte)(code >> 8));
        return this;
    }

    internal Asm R(Op op, int rd, int rs1, int rs2) => Word(Encode(op, rd, rs1, rs2, 0));

    internal Asm I(Op op, int rd, int rs1, int immediate) => Word(Encode(op, rd, rs1, 0, immediate));

    internal Asm S(Op op, int rs2, int rs1, int immediate) => Word(Encode(op, 0, rs1, rs2, immediate));

    internal Asm U(Op op, int rd, int immediate) => Word(Encode(op, rd, 0, 0, immediate));

    internal Asm Label(string name)
    {
        _labels.Add(name, Position);
        return this;
    }

    internal Asm Branch(Op op, int rs1, int rs2, string label)
    {
        _fixes.Add((Position, label, op, rs1, rs2));
        return Word(0);
    }

    /// <summary>A jump that links to rd.</summary>
    internal Asm Jump(int rd, string label)
    {
        _fixes.Add((Position, label, Op.Jal, rd, 0));
        return Word(0);
    }

    /// <summary>Loads any constant, in up to eight instructions.</summary>
    internal Asm Li(int rd, ulong value)
    {
        if ((long)value is >= -2048 and < 2048)
        {
            return I(Op.Addi, rd, 0, (int)(long)value);
        }

        long low = (long)(value << 52) >> 52;
        Li(rd, (ulong)((long)(value - (ulong)low) >> 12));
        I(Op.Slli, rd, rd, 12);
        return low == 0 ? this : I(Op.Addi, rd, rd, (int)low);
    }

    internal byte[] Build()
    {
        byte[] bytes = [.. _bytes];
        foreach ((int at, string label, Op op, int rs1, int rs2) in _fixes)
        {
            int offset = _labels[label] - at;
            uint code = op == Op.Jal ? Encode(op, rs1, 0, 0, offset) : Encode(op, 0, rs1, rs2, offset);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), code);
        }

        return bytes;
    }

    /// <summary>The encoding of an instruction; the immediate is a shift amount or a CSR's number where the format has one.</summary>
    internal static uint Encode(Op op, int rd, int rs1, int rs2, int immediate, int rs3 = 0, int rounding = 7)
    {
        InstructionEntry entry = Table[op];
        uint code = entry.Match;
        uint i = (uint)immediate;
        code |= entry.Format switch
        {
            Format.R => Field(rd, 7) | Field(rs1, 15) | Field(rs2, 20),
            Format.RFloat => Field(rd, 7) | Field(rs1, 15) | Field(rs2, 20) | (uint)rounding << 12,
            Format.R4 => Field(rd, 7) | Field(rs1, 15) | Field(rs2, 20) | Field(rs3, 27) | (uint)rounding << 12,
            Format.I or Format.Csr => Field(rd, 7) | Field(rs1, 15) | i << 20,
            Format.Shift => Field(rd, 7) | Field(rs1, 15) | (i & 63) << 20,
            Format.S => Field(rs1, 15) | Field(rs2, 20) | (i & 31) << 7 | (i >> 5 & 127) << 25,
            Format.B => Field(rs1, 15) | Field(rs2, 20) | (i >> 11 & 1) << 7 | (i >> 1 & 15) << 8 | (i >> 5 & 63) << 25
                | (i >> 12 & 1) << 31,
            Format.U => Field(rd, 7) | i & 0xFFFFF000,
            _ => Field(rd, 7) | (i >> 12 & 255) << 12 | (i >> 11 & 1) << 20 | (i >> 1 & 1023) << 21 | (i >> 20 & 1) << 31,
        } & ~entry.Mask;
        return code;
    }

    private static Dictionary<Op, InstructionEntry> Table { get; } = InstructionTable.Entries().ToDictionary(entry => entry.Op);

    private static uint Field(int value, int shift) => (uint)(value & 31) << shift;
}
