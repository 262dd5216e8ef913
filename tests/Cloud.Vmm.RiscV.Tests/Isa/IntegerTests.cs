using System.Numerics;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Tests.Isa;

/// <summary>Each integer instruction against its definition in the manual, over all pairs of edge values.</summary>
public abstract class IntegerTests(bool translate)
{
    private static readonly ulong[] Edges =
    [
        0, 1, 2, 31, 32, 63, 64, 0x7F, 0x80, 0xFF00, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000,
        0x00FF00FF00FF00FF, 0x123456789ABCDEF0, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFF80000000, ulong.MaxValue,
    ];

    private static readonly (Op Op, Func<ulong, ulong, ulong> Result)[] Registers =
    [
        (Op.Add, (a, b) => a + b),
        (Op.Sub, (a, b) => a - b),
        (Op.Xor, (a, b) => a ^ b),
        (Op.Or, (a, b) => a | b),
        (Op.And, (a, b) => a & b),
        (Op.Sll, (a, b) => a << (int)(b % 64)),
        (Op.Srl, (a, b) => a >> (int)(b % 64)),
        (Op.Sra, (a, b) => Signed64(Int(a) >> (int)(b % 64))),
        (Op.Slt, (a, b) => Int(a) < Int(b) ? 1UL : 0),
        (Op.Sltu, (a, b) => a < b ? 1UL : 0),
        (Op.Addw, (a, b) => Word(a + b)),
        (Op.Subw, (a, b) => Word(a - b)),
        (Op.Sllw, (a, b) => Word(a << (int)(b % 32))),
        (Op.Srlw, (a, b) => Word((a & 0xFFFFFFFF) >> (int)(b % 32))),
        (Op.Sraw, (a, b) => Word(Signed64(Int(Word(a)) >> (int)(b % 32)))),
        (Op.Mul, (a, b) => a * b),
        (Op.Mulw, (a, b) => Word(a * b)),
        (Op.Mulh, (a, b) => Signed64(Int(a) * Int(b) >> 64)),
        (Op.Mulhu, (a, b) => Signed64((BigInteger)a * b >> 64)),
        (Op.Mulhsu, (a, b) => Signed64(Int(a) * b >> 64)),
        (Op.Div, (a, b) => b == 0 ? ulong.MaxValue : Signed64(BigInteger.Divide(Int(a), Int(b)))),
        (Op.Divu, (a, b) => b == 0 ? ulong.MaxValue : a / b),
        (Op.Rem, (a, b) => b == 0 ? a : Signed64(BigInteger.Remainder(Int(a), Int(b)))),
        (Op.Remu, (a, b) => b == 0 ? a : a % b),
        (Op.Divw, (a, b) => Word((uint)b == 0 ? ulong.MaxValue : Signed64(BigInteger.Divide(Int(Word(a)), Int(Word(b)))))),
        (Op.Divuw, (a, b) => Word((uint)b == 0 ? ulong.MaxValue : (uint)a / (uint)b)),
        (Op.Remw, (a, b) => Word((uint)b == 0 ? a : Signed64(BigInteger.Remainder(Int(Word(a)), Int(Word(b)))))),
        (Op.Remuw, (a, b) => Word((uint)b == 0 ? a : (uint)a % (uint)b)),
        (Op.AddUw, (a, b) => (a & 0xFFFFFFFF) + b),
        (Op.Sh1add, (a, b) => a * 2 + b),
        (Op.Sh2add, (a, b) => a * 4 + b),
        (Op.Sh3add, (a, b) => a * 8 + b),
        (Op.Sh1addUw, (a, b) => (a & 0xFFFFFFFF) * 2 + b),
        (Op.Sh2addUw, (a, b) => (a & 0xFFFFFFFF) * 4 + b),
        (Op.Sh3addUw, (a, b) => (a & 0xFFFFFFFF) * 8 + b),
        (Op.Andn, (a, b) => a & ~b),
        (Op.Orn, (a, b) => a | ~b),
        (Op.Xnor, (a, b) => ~(a ^ b)),
        (Op.Max, (a, b) => Int(a) > Int(b) ? a : b),
        (Op.Maxu, (a, b) => a > b ? a : b),
        (Op.Min, (a, b) => Int(a) < Int(b) ? a : b),
        (Op.Minu, (a, b) => a < b ? a : b),
        (Op.Rol, (a, b) => Rotate(a, (int)(b % 64))),
        (Op.Ror, (a, b) => Rotate(a, (int)((64 - b % 64) % 64))),
        (Op.Rolw, (a, b) => RotateWord(a, (int)(b % 32))),
        (Op.Rorw, (a, b) => RotateWord(a, (int)((32 - b % 32) % 32))),
        (Op.Bclr, (a, b) => a & ~(1UL << (int)(b % 64))),
        (Op.Bext, (a, b) => (a >> (int)(b % 64)) % 2),
        (Op.Binv, (a, b) => a ^ (1UL << (int)(b % 64))),
        (Op.Bset, (a, b) => a | (1UL << (int)(b % 64))),
        (Op.Clz, (a, _) => Count(a, 64, fromTop: true)),
        (Op.Clzw, (a, _) => Count(a, 32, fromTop: true)),
        (Op.Ctz, (a, _) => Count(a, 64, fromTop: false)),
        (Op.Ctzw, (a, _) => Count(a, 32, fromTop: false)),
        (Op.Cpop, (a, _) => Ones(a, 64)),
        (Op.Cpopw, (a, _) => Ones(a, 32)),
        (Op.SextB, (a, _) => a % 256 >= 128 ? a % 256 | ~0xFFUL : a % 256),
        (Op.SextH, (a, _) => a % 65536 >= 32768 ? a % 65536 | ~0xFFFFUL : a % 65536),
        (Op.ZextH, (a, _) => a % 65536),
        (Op.OrcB, (a, _) => Bytes(a, value => value == 0 ? (byte)0 : (byte)255, reversed: false)),
        (Op.Rev8, (a, _) => Bytes(a, value => value, reversed: true)),
    ];

    private static readonly (Op Op, Func<ulong, int, ulong> Result)[] Immediates =
    [
        (Op.Addi, (a, i) => a + (ulong)i),
        (Op.Xori, (a, i) => a ^ (ulong)i),
        (Op.Ori, (a, i) => ~(~a & ~(ulong)(long)i)),
        (Op.Andi, (a, i) => a & (ulong)i),
        (Op.Slti, (a, i) => Int(a) < i ? 1UL : 0),
        (Op.Sltiu, (a, i) => a < (ulong)i ? 1UL : 0),
        (Op.Addiw, (a, i) => Word(a + (ulong)i)),
        (Op.Slli, (a, i) => a << (i & 63)),
        (Op.Srli, (a, i) => a >> (i & 63)),
        (Op.Srai, (a, i) => Signed64(Int(a) >> (i & 63))),
        (Op.Slliw, (a, i) => Word(a << (i & 31))),
        (Op.Srliw, (a, i) => Word((a & 0xFFFFFFFF) >> (i & 31))),
        (Op.Sraiw, (a, i) => Word(Signed64(Int(Word(a)) >> (i & 31)))),
        (Op.SlliUw, (a, i) => (a & 0xFFFFFFFF) << (i & 63)),
        (Op.Rori, (a, i) => Rotate(a, (64 - (i & 63)) % 64)),
        (Op.Roriw, (a, i) => RotateWord(a, (32 - (i & 31)) % 32)),
        (Op.Bclri, (a, i) => a & ~(1UL << (i & 63))),
        (Op.Bexti, (a, i) => (a >> (i & 63)) % 2),
        (Op.Binvi, (a, i) => a ^ (1UL << (i & 63))),
        (Op.Bseti, (a, i) => a | (1UL << (i & 63))),
    ];

    public static TheoryData<string> RegisterNames => [.. Registers.Select(each => each.Op.ToString())];

    public static TheoryData<string> ImmediateNames => [.. Immediates.Select(each => each.Op.ToString())];

    [Theory]
    [MemberData(nameof(RegisterNames))]
    public void RegisterInstruction_OverEdgeValues_GivesTheManualsResult(string name)
    {
        Func<ulong, ulong, ulong> result = Registers.Single(each => each.Op.ToString() == name).Result;
        bool unary = name is "Clz" or "Clzw" or "Ctz" or "Ctzw" or "Cpop" or "Cpopw" or "SextB" or "SextH" or "ZextH" or "OrcB" or "Rev8";
        Asm program = new Asm().R(Enum.Parse<Op>(name), 12, 10, unary ? 0 : 11).Label("end").Jump(0, "end");
        using var board = new Board(program.Build(), translate);
        foreach (ulong a in Edges)
        {
            foreach (ulong b in Edges)
            {
                (board[10], board[11], board.Pc) = (a, b, MemoryMap.Ram);
                board.Run(2);
                board[12].ShouldBe(result(a, b), $"{name} 0x{a:x}, 0x{b:x}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(ImmediateNames))]
    public void ImmediateInstruction_OverEdgeValues_GivesTheManualsResult(string name)
    {
        Op op = Enum.Parse<Op>(name);
        Func<ulong, int, ulong> result = Immediates.Single(each => each.Op.ToString() == name).Result;
        bool word = name is "Slliw" or "Srliw" or "Sraiw" or "Roriw";
        foreach (int immediate in (int[])[-2048, -1, 0, 1, 5, 31, 32, 63, 2047])
        {
            int encoded = word ? immediate & 31 : immediate;
            using var board = new Board(new Asm().I(op, 12, 10, encoded).Label("end").Jump(0, "end").Build(), translate);
            foreach (ulong a in Edges)
            {
                (board[10], board.Pc) = (a, MemoryMap.Ram);
                board.Run(2);
                board[12].ShouldBe(result(a, encoded), $"{name} 0x{a:x}, {encoded}");
            }
        }
    }

    [Fact]
    public void Instruction_WithX0AsDestination_LeavesItZero()
    {
        using var board = new Board(new Asm().I(Op.Addi, 0, 0, 5).R(Op.Add, 12, 0, 0).Build(), translate);
        board.Run(2);
        board[12].ShouldBe(0UL);
    }

    private static BigInteger Int(ulong value) => (long)value;

    private static ulong Signed64(BigInteger value) => (ulong)(value & ulong.MaxValue);

    private static ulong Word(ulong value) => value % (1UL << 32) >= 1UL << 31 ? value | 0xFFFFFFFF00000000 : value & 0xFFFFFFFF;

    private static ulong Rotate(ulong value, int left) => left == 0 ? value : value << left | value >> (64 - left);

    private static ulong RotateWord(ulong value, int left)
    {
        ulong low = value & 0xFFFFFFFF;
        return Word(low << left | low >> (32 - left));
    }

    private static ulong Count(ulong value, int bits, bool fromTop)
    {
        ulong count = 0;
        while (count < (ulong)bits && (value >> (fromTop ? bits - 1 - (int)count : (int)count)) % 2 == 0)
        {
            count++;
        }

        return count;
    }

    private static ulong Ones(ulong value, int bits) => (ulong)Enumerable.Range(0, bits).Count(bit => (value >> bit) % 2 == 1);

    private static ulong Bytes(ulong value, Func<byte, byte> map, bool reversed)
    {
        IEnumerable<byte> bytes = BitConverter.GetBytes(value).Select(map);
        return BitConverter.ToUInt64([.. reversed ? bytes.Reverse() : bytes]);
    }
}

public sealed class IntegerInterpretedTests() : IntegerTests(false);

public sealed class IntegerTranslatedTests() : IntegerTests(true);
