using System.Runtime.CompilerServices;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Memory;
using static Cloud.Vmm.RiscV.Isa.Operands;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>
/// Jumps and branches. One whose target lies on its own page is decoded to the Local variant: its immediate is then the distance in bytes
/// of slots.
/// </summary>
internal static unsafe class Transfers
{
    private const ulong PageOffset = 0xFFF;

    internal static CodeSlot* Jal(HartState* h, CodeSlot* s)
    {
        ulong pc = HartState.PcOf(h, s);
        h->X[s->Rd] = pc + ((ulong)s->Step >> 3);
        return To(h, pc + Imm(s));
    }

    internal static CodeSlot* JalLocal(HartState* h, CodeSlot* s)
    {
        h->X[s->Rd] = HartState.PcOf(h, s) + ((ulong)s->Step >> 3);
        return Local(s);
    }

    internal static CodeSlot* JumpLocal(HartState* h, CodeSlot* s) => Local(s);

    internal static CodeSlot* Jalr(HartState* h, CodeSlot* s)
    {
        ulong target = (A(h, s) + Imm(s)) & ~1UL;
        h->X[s->Rd] = HartState.PcOf(h, s) + ((ulong)s->Step >> 3);
        return To(h, target);
    }

    internal static CodeSlot* Beq(HartState* h, CodeSlot* s) => A(h, s) == B(h, s) ? Far(h, s) : CodeSlot.Next(s);

    internal static CodeSlot* Bne(HartState* h, CodeSlot* s) => A(h, s) != B(h, s) ? Far(h, s) : CodeSlot.Next(s);

    internal static CodeSlot* Blt(HartState* h, CodeSlot* s) => (long)A(h, s) < (long)B(h, s) ? Far(h, s) : CodeSlot.Next(s);

    internal static CodeSlot* Bge(HartState* h, CodeSlot* s) => (long)A(h, s) >= (long)B(h, s) ? Far(h, s) : CodeSlot.Next(s);

    internal static CodeSlot* Bltu(HartState* h, CodeSlot* s) => A(h, s) < B(h, s) ? Far(h, s) : CodeSlot.Next(s);

    internal static CodeSlot* Bgeu(HartState* h, CodeSlot* s) => A(h, s) >= B(h, s) ? Far(h, s) : CodeSlot.Next(s);

    internal static CodeSlot* BeqLocal(HartState* h, CodeSlot* s) => A(h, s) == B(h, s) ? Local(s) : CodeSlot.Next(s);

    internal static CodeSlot* BneLocal(HartState* h, CodeSlot* s) => A(h, s) != B(h, s) ? Local(s) : CodeSlot.Next(s);

    internal static CodeSlot* BltLocal(HartState* h, CodeSlot* s) => (long)A(h, s) < (long)B(h, s) ? Local(s) : CodeSlot.Next(s);

    internal static CodeSlot* BgeLocal(HartState* h, CodeSlot* s) => (long)A(h, s) >= (long)B(h, s) ? Local(s) : CodeSlot.Next(s);

    internal static CodeSlot* BltuLocal(HartState* h, CodeSlot* s) => A(h, s) < B(h, s) ? Local(s) : CodeSlot.Next(s);

    internal static CodeSlot* BgeuLocal(HartState* h, CodeSlot* s) => A(h, s) >= B(h, s) ? Local(s) : CodeSlot.Next(s);

    /// <summary>The two slots past a page's last: no instruction, so what follows on the next page runs at once.</summary>
    internal static CodeSlot* PageEnd(HartState* h, CodeSlot* s)
    {
        CodeSlot* next = To(h, HartState.PcOf(h, s));
        if (next is not null)
        {
            return next->Handler(h, next);
        }

        h->Exit = ExitReason.FetchUnretired;
        return null;
    }

    /// <summary>The slot of an address by the fetch TLB; null leaves the inner loop, which translates the page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static CodeSlot* To(HartState* h, ulong target)
    {
        FetchTlbEntry* entry = h->FetchTlb + Tlb.IndexOf(target);
        if (entry->Tag == (target & ~PageOffset))
        {
            h->PageAddress = entry->Tag;
            h->PageSlots = entry->Slots;
            h->PageHost = entry->Host;
            return entry->Slots + ((target & PageOffset) >> 1);
        }

        h->Pc = target;
        h->Exit = ExitReason.Fetch;
        return null;
    }

    private static CodeSlot* Far(HartState* h, CodeSlot* s) => To(h, HartState.PcOf(h, s) + Imm(s));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static CodeSlot* Local(CodeSlot* s) => (CodeSlot*)((byte*)s + s->Immediate);
}
