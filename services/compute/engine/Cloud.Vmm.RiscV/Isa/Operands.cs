using System.Runtime.CompilerServices;
using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>How handlers read their operands and leave.</summary>
/// <remarks>
/// SAFE BECAUSE: register numbers in a slot come from five-bit fields, or are the sink, so every index lies inside the state's arrays.
/// </remarks>
internal static unsafe class Operands
{
    /// <summary>The value of rs1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong A(HartState* h, CodeSlot* s) => h->X[s->Rs1];

    /// <summary>The value of rs2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong B(HartState* h, CodeSlot* s) => h->X[s->Rs2];

    /// <summary>The immediate, sign-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Imm(CodeSlot* s) => (ulong)(long)s->Immediate;

    /// <summary>Writes rd and goes on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static CodeSlot* Set(HartState* h, CodeSlot* s, ulong value)
    {
        h->X[s->Rd] = value;
        return CodeSlot.Next(s);
    }

    /// <summary>Writes the low 32 bits of a result to rd, sign-extended, and goes on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static CodeSlot* SetWord(HartState* h, CodeSlot* s, uint value) => Set(h, s, (ulong)(long)(int)value);

    /// <summary>Leaves the inner loop with an exception of the instruction in the slot.</summary>
    internal static CodeSlot* Raise(HartState* h, CodeSlot* s, TrapCause cause, ulong value)
    {
        h->Pc = HartState.PcOf(h, s);
        h->TrapCause = cause;
        h->TrapValue = value;
        h->Exit = ExitReason.Trap;
        return null;
    }

    /// <summary>Leaves the inner loop so that the hart runs the instruction in the slot.</summary>
    internal static CodeSlot* Leave(HartState* h, CodeSlot* s, Op op)
    {
        h->Pc = HartState.PcOf(h, s);
        h->SystemOp = op;
        h->SystemSlot = s;
        h->Exit = ExitReason.System;
        return null;
    }
}
