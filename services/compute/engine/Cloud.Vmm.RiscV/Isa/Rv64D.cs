using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Float;
using static Cloud.Vmm.RiscV.Isa.FloatRegisters;
using static Cloud.Vmm.RiscV.Isa.Operands;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>Double-precision floating point but loads and stores.</summary>
internal static unsafe class Rv64D
{
    private const ulong Sign = 1UL << 63;

    private static readonly FloatFormat Format = FloatFormat.Double;

    internal static CodeSlot* Add(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, FloatUnit.AddDouble(h->F[s->Rs1], h->F[s->Rs2], rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* Multiply(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, FloatUnit.MultiplyDouble(h->F[s->Rs1], h->F[s->Rs2], rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* Divide(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, FloatUnit.DivideDouble(h->F[s->Rs1], h->F[s->Rs2], rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* Subtract(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, FloatUnit.AddDouble(h->F[s->Rs1], h->F[s->Rs2] ^ Sign, rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* SquareRoot(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, FloatUnit.SquareRootDouble(h->F[s->Rs1], rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* MultiplyAdd(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, FloatUnit.FusedDouble(h->F[s->Rs1], h->F[s->Rs2], h->F[s->Immediate & 31], rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* MultiplySubtract(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, FloatUnit.FusedDouble(h->F[s->Rs1], h->F[s->Rs2], h->F[s->Immediate & 31] ^ Sign, rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* NegatedMultiplySubtract(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, FloatUnit.FusedDouble(h->F[s->Rs1] ^ Sign, h->F[s->Rs2], h->F[s->Immediate & 31], rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* NegatedMultiplyAdd(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, FloatUnit.FusedDouble(h->F[s->Rs1] ^ Sign, h->F[s->Rs2], h->F[s->Immediate & 31] ^ Sign, rounding,
            ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* SignInject(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? SetDouble(h, s, h->F[s->Rs1] & ~Sign | h->F[s->Rs2] & Sign)
        : NotReady(h, s);

    internal static CodeSlot* SignInjectNegated(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? SetDouble(h, s, h->F[s->Rs1] & ~Sign | ~h->F[s->Rs2] & Sign)
        : NotReady(h, s);

    internal static CodeSlot* SignInjectXor(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? SetDouble(h, s, h->F[s->Rs1] ^ h->F[s->Rs2] & Sign)
        : NotReady(h, s);

    internal static CodeSlot* Minimum(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? SetDouble(h, s, FloatCompare.Minimum(Format, h->F[s->Rs1], h->F[s->Rs2], ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* Maximum(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? SetDouble(h, s, FloatCompare.Maximum(Format, h->F[s->Rs1], h->F[s->Rs2], ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* Equal(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? Set(h, s, FloatCompare.Equal(Format, h->F[s->Rs1], h->F[s->Rs2], ref h->FloatFlags) ? 1UL : 0)
        : NotReady(h, s);

    internal static CodeSlot* Less(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? Set(h, s, FloatCompare.Less(Format, h->F[s->Rs1], h->F[s->Rs2], ref h->FloatFlags) ? 1UL : 0)
        : NotReady(h, s);

    internal static CodeSlot* LessOrEqual(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? Set(h, s, FloatCompare.LessOrEqual(Format, h->F[s->Rs1], h->F[s->Rs2], ref h->FloatFlags) ? 1UL : 0)
        : NotReady(h, s);

    internal static CodeSlot* Classify(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? Set(h, s, FloatCompare.Classify(Format, h->F[s->Rs1]))
        : NotReady(h, s);

    internal static CodeSlot* ToInt32(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? Set(h, s, SoftFloat.ToInteger(Format, h->F[s->Rs1], 32, signed: true, rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* ToUInt32(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? Set(h, s, SoftFloat.ToInteger(Format, h->F[s->Rs1], 32, signed: false, rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* ToInt64(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? Set(h, s, SoftFloat.ToInteger(Format, h->F[s->Rs1], 64, signed: true, rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* ToUInt64(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? Set(h, s, SoftFloat.ToInteger(Format, h->F[s->Rs1], 64, signed: false, rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* FromInt32(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, SoftFloat.FromInteger(Format, (int)A(h, s) < 0, (ulong)Math.Abs((long)(int)A(h, s)), rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* FromUInt32(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, SoftFloat.FromInteger(Format, negative: false, (uint)A(h, s), rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* FromInt64(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, SoftFloat.FromInteger(Format, (long)A(h, s) < 0, Magnitude(A(h, s)), rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* FromUInt64(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, SoftFloat.FromInteger(Format, negative: false, A(h, s), rounding, ref h->FloatFlags))
        : NotReady(h, s);

    internal static CodeSlot* MoveToInteger(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? Set(h, s, h->F[s->Rs1])
        : NotReady(h, s);

    internal static CodeSlot* MoveFromInteger(HartState* h, CodeSlot* s) => h->FloatStatus == Dirty
        ? SetDouble(h, s, A(h, s))
        : NotReady(h, s);

    internal static CodeSlot* FromSingle(HartState* h, CodeSlot* s) => Ready(h, s, out int rounding)
        ? SetDouble(h, s, SoftFloat.Convert(FloatFormat.Single, Format, Single(h, s->Rs1), rounding, ref h->FloatFlags))
        : NotReady(h, s);

    private static ulong Magnitude(ulong integer) => (long)integer < 0 ? 0 - integer : integer;
}
