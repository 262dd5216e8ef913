using System.Buffers.Binary;
using System.Numerics;
using Cloud.Vmm.RiscV.Cpu;
using static Cloud.Vmm.RiscV.Isa.Operands;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>Bit manipulation: Zba (address generation), Zbb (basic) and Zbs (single bits).</summary>
internal static unsafe class Rv64B
{
    internal static CodeSlot* AddUw(HartState* h, CodeSlot* s) => Set(h, s, (uint)A(h, s) + B(h, s));

    internal static CodeSlot* Sh1add(HartState* h, CodeSlot* s) => Set(h, s, (A(h, s) << 1) + B(h, s));

    internal static CodeSlot* Sh2add(HartState* h, CodeSlot* s) => Set(h, s, (A(h, s) << 2) + B(h, s));

    internal static CodeSlot* Sh3add(HartState* h, CodeSlot* s) => Set(h, s, (A(h, s) << 3) + B(h, s));

    internal static CodeSlot* Sh1addUw(HartState* h, CodeSlot* s) => Set(h, s, ((ulong)(uint)A(h, s) << 1) + B(h, s));

    internal static CodeSlot* Sh2addUw(HartState* h, CodeSlot* s) => Set(h, s, ((ulong)(uint)A(h, s) << 2) + B(h, s));

    internal static CodeSlot* Sh3addUw(HartState* h, CodeSlot* s) => Set(h, s, ((ulong)(uint)A(h, s) << 3) + B(h, s));

    internal static CodeSlot* SlliUw(HartState* h, CodeSlot* s) => Set(h, s, (ulong)(uint)A(h, s) << s->Immediate);

    internal static CodeSlot* Andn(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) & ~B(h, s));

    internal static CodeSlot* Orn(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) | ~B(h, s));

    internal static CodeSlot* Xnor(HartState* h, CodeSlot* s) => Set(h, s, ~(A(h, s) ^ B(h, s)));

    internal static CodeSlot* Clz(HartState* h, CodeSlot* s) => Set(h, s, (ulong)BitOperations.LeadingZeroCount(A(h, s)));

    internal static CodeSlot* Clzw(HartState* h, CodeSlot* s) => Set(h, s, (ulong)BitOperations.LeadingZeroCount((uint)A(h, s)));

    internal static CodeSlot* Ctz(HartState* h, CodeSlot* s) => Set(h, s, (ulong)BitOperations.TrailingZeroCount(A(h, s)));

    internal static CodeSlot* Ctzw(HartState* h, CodeSlot* s) => Set(h, s, (ulong)BitOperations.TrailingZeroCount((uint)A(h, s)));

    internal static CodeSlot* Cpop(HartState* h, CodeSlot* s) => Set(h, s, (ulong)BitOperations.PopCount(A(h, s)));

    internal static CodeSlot* Cpopw(HartState* h, CodeSlot* s) => Set(h, s, (ulong)BitOperations.PopCount((uint)A(h, s)));

    internal static CodeSlot* Max(HartState* h, CodeSlot* s) => Set(h, s, (ulong)Math.Max((long)A(h, s), (long)B(h, s)));

    internal static CodeSlot* Maxu(HartState* h, CodeSlot* s) => Set(h, s, Math.Max(A(h, s), B(h, s)));

    internal static CodeSlot* Min(HartState* h, CodeSlot* s) => Set(h, s, (ulong)Math.Min((long)A(h, s), (long)B(h, s)));

    internal static CodeSlot* Minu(HartState* h, CodeSlot* s) => Set(h, s, Math.Min(A(h, s), B(h, s)));

    internal static CodeSlot* SextB(HartState* h, CodeSlot* s) => Set(h, s, (ulong)(sbyte)A(h, s));

    internal static CodeSlot* SextH(HartState* h, CodeSlot* s) => Set(h, s, (ulong)(short)A(h, s));

    internal static CodeSlot* ZextH(HartState* h, CodeSlot* s) => Set(h, s, (ushort)A(h, s));

    internal static CodeSlot* Rol(HartState* h, CodeSlot* s) => Set(h, s, BitOperations.RotateLeft(A(h, s), (int)(B(h, s) & 63)));

    internal static CodeSlot* Ror(HartState* h, CodeSlot* s) => Set(h, s, BitOperations.RotateRight(A(h, s), (int)(B(h, s) & 63)));

    internal static CodeSlot* Rori(HartState* h, CodeSlot* s) => Set(h, s, BitOperations.RotateRight(A(h, s), s->Immediate));

    internal static CodeSlot* Rolw(HartState* h, CodeSlot* s) =>
        SetWord(h, s, BitOperations.RotateLeft((uint)A(h, s), (int)(B(h, s) & 31)));

    internal static CodeSlot* Rorw(HartState* h, CodeSlot* s) =>
        SetWord(h, s, BitOperations.RotateRight((uint)A(h, s), (int)(B(h, s) & 31)));

    internal static CodeSlot* Roriw(HartState* h, CodeSlot* s) => SetWord(h, s, BitOperations.RotateRight((uint)A(h, s), s->Immediate));

    internal static CodeSlot* OrcB(HartState* h, CodeSlot* s)
    {
        const ulong Low = 0x7F7F7F7F7F7F7F7F;
        ulong a = A(h, s);
        ulong nonZero = (((a & Low) + Low) | a) & ~Low;
        return Set(h, s, (nonZero >> 7) * 0xFF);
    }

    internal static CodeSlot* Rev8(HartState* h, CodeSlot* s) => Set(h, s, BinaryPrimitives.ReverseEndianness(A(h, s)));

    internal static CodeSlot* Bclr(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) & ~(1UL << (int)(B(h, s) & 63)));

    internal static CodeSlot* Bclri(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) & ~(1UL << s->Immediate));

    internal static CodeSlot* Bext(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) >> (int)(B(h, s) & 63) & 1);

    internal static CodeSlot* Bexti(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) >> s->Immediate & 1);

    internal static CodeSlot* Binv(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) ^ 1UL << (int)(B(h, s) & 63));

    internal static CodeSlot* Binvi(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) ^ 1UL << s->Immediate);

    internal static CodeSlot* Bset(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) | 1UL << (int)(B(h, s) & 63));

    internal static CodeSlot* Bseti(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) | 1UL << s->Immediate);
}
