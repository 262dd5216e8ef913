using System.Runtime.CompilerServices;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Float;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>How floating-point handlers read and write registers, and what they check first.</summary>
internal static unsafe class FloatRegisters
{
    /// <summary>mstatus.FS once a floating-point instruction ran.</summary>
    internal const uint Dirty = 3;

    /// <summary>The upper half of a register that holds a single.</summary>
    internal const ulong Box = 0xFFFFFFFF00000000;

    private const int DynamicRounding = 7;

    /// <summary>The single in a register; one that is not boxed in ones reads as the canonical NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Single(HartState* h, int register)
    {
        ulong value = h->F[register];
        return value >= Box ? (uint)value : 0x7FC00000;
    }

    /// <summary>Whether floating point is on and the instruction's rounding mode stands for one of the five.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Ready(HartState* h, CodeSlot* s, out int rounding)
    {
        rounding = s->Immediate >> 8;
        if (rounding == DynamicRounding)
        {
            rounding = (int)h->FloatRounding;
        }

        return h->FloatStatus == Dirty && rounding <= SoftFloat.NearestMaxMagnitude;
    }

    /// <summary>
    /// What a handler that is not ready does: an illegal instruction where floating point is off or the rounding mode reserved; else the
    /// state
    /// becomes dirty and the instruction runs again.
    /// </summary>
    internal static CodeSlot* NotReady(HartState* h, CodeSlot* s)
    {
        if (h->FloatStatus is 0 or Dirty)
        {
            return Rv64System.Illegal(h, s);
        }

        h->FloatStatus = Dirty;
        return s->Handler(h, s);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static CodeSlot* SetSingle(HartState* h, CodeSlot* s, ulong value)
    {
        h->F[s->Rd] = Box | value;
        return CodeSlot.Next(s);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static CodeSlot* SetDouble(HartState* h, CodeSlot* s, ulong value)
    {
        h->F[s->Rd] = value;
        return CodeSlot.Next(s);
    }
}
