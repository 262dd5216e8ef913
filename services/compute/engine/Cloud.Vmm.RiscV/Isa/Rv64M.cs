using Cloud.Vmm.RiscV.Cpu;
using static Cloud.Vmm.RiscV.Isa.Operands;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>Multiplication and division. Division by zero and overflow give the manual's values and never trap.</summary>
internal static unsafe class Rv64M
{
    internal static CodeSlot* Mul(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) * B(h, s));

    internal static CodeSlot* Mulh(HartState* h, CodeSlot* s) => Set(h, s, (ulong)Math.BigMul((long)A(h, s), (long)B(h, s), out _));

    internal static CodeSlot* Mulhu(HartState* h, CodeSlot* s) => Set(h, s, Math.BigMul(A(h, s), B(h, s), out _));

    internal static CodeSlot* Mulhsu(HartState* h, CodeSlot* s)
    {
        ulong a = A(h, s);
        ulong b = B(h, s);
        return Set(h, s, Math.BigMul(a, b, out _) - ((long)a < 0 ? b : 0));
    }

    internal static CodeSlot* Div(HartState* h, CodeSlot* s)
    {
        long a = (long)A(h, s);
        long b = (long)B(h, s);
        return Set(h, s, b == 0 ? ulong.MaxValue : b == -1 ? (ulong)-a : (ulong)(a / b));
    }

    internal static CodeSlot* Divu(HartState* h, CodeSlot* s)
    {
        ulong b = B(h, s);
        return Set(h, s, b == 0 ? ulong.MaxValue : A(h, s) / b);
    }

    internal static CodeSlot* Rem(HartState* h, CodeSlot* s)
    {
        long a = (long)A(h, s);
        long b = (long)B(h, s);
        return Set(h, s, b == 0 ? (ulong)a : b == -1 ? 0 : (ulong)(a % b));
    }

    internal static CodeSlot* Remu(HartState* h, CodeSlot* s)
    {
        ulong a = A(h, s);
        ulong b = B(h, s);
        return Set(h, s, b == 0 ? a : a % b);
    }

    internal static CodeSlot* Mulw(HartState* h, CodeSlot* s) => SetWord(h, s, (uint)A(h, s) * (uint)B(h, s));

    internal static CodeSlot* Divw(HartState* h, CodeSlot* s)
    {
        int a = (int)A(h, s);
        int b = (int)B(h, s);
        return SetWord(h, s, b == 0 ? uint.MaxValue : b == -1 ? (uint)-a : (uint)(a / b));
    }

    internal static CodeSlot* Divuw(HartState* h, CodeSlot* s)
    {
        uint b = (uint)B(h, s);
        return SetWord(h, s, b == 0 ? uint.MaxValue : (uint)A(h, s) / b);
    }

    internal static CodeSlot* Remw(HartState* h, CodeSlot* s)
    {
        int a = (int)A(h, s);
        int b = (int)B(h, s);
        return SetWord(h, s, b == 0 ? (uint)a : b == -1 ? 0 : (uint)(a % b));
    }

    internal static CodeSlot* Remuw(HartState* h, CodeSlot* s)
    {
        uint a = (uint)A(h, s);
        uint b = (uint)B(h, s);
        return SetWord(h, s, b == 0 ? a : a % b);
    }
}
