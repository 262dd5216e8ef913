using Cloud.Vmm.RiscV.Cpu;
using static Cloud.Vmm.RiscV.Isa.Operands;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>
/// Zicsr, Zifencei, the privileged instructions, ECALL and EBREAK: the hart itself runs them, between two runs of its inner loop.
/// </summary>
internal static unsafe class Rv64System
{
    internal static CodeSlot* Csrrw(HartState* h, CodeSlot* s) => Leave(h, s, Op.Csrrw);

    internal static CodeSlot* Csrrs(HartState* h, CodeSlot* s) => Leave(h, s, Op.Csrrs);

    internal static CodeSlot* Csrrc(HartState* h, CodeSlot* s) => Leave(h, s, Op.Csrrc);

    internal static CodeSlot* Csrrwi(HartState* h, CodeSlot* s) => Leave(h, s, Op.Csrrwi);

    internal static CodeSlot* Csrrsi(HartState* h, CodeSlot* s) => Leave(h, s, Op.Csrrsi);

    internal static CodeSlot* Csrrci(HartState* h, CodeSlot* s) => Leave(h, s, Op.Csrrci);

    internal static CodeSlot* Sret(HartState* h, CodeSlot* s) => Leave(h, s, Op.Sret);

    internal static CodeSlot* Mret(HartState* h, CodeSlot* s) => Leave(h, s, Op.Mret);

    internal static CodeSlot* Wfi(HartState* h, CodeSlot* s) => Leave(h, s, Op.Wfi);

    internal static CodeSlot* SfenceVma(HartState* h, CodeSlot* s) => Leave(h, s, Op.SfenceVma);

    internal static CodeSlot* FenceI(HartState* h, CodeSlot* s) => Leave(h, s, Op.FenceI);

    internal static CodeSlot* Ecall(HartState* h, CodeSlot* s) => Leave(h, s, Op.Ecall);

    internal static CodeSlot* Ebreak(HartState* h, CodeSlot* s) => Raise(h, s, TrapCause.Breakpoint, HartState.PcOf(h, s));

    /// <summary>The hart puts the encoding into the trap value.</summary>
    internal static CodeSlot* Illegal(HartState* h, CodeSlot* s) => Leave(h, s, Op.Illegal);
}
