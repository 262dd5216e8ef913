using Cloud.Vmm.RiscV.Cpu;
using static Cloud.Vmm.RiscV.Isa.Operands;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>The base integer instructions but loads, stores and transfers of control.</summary>
internal static unsafe class Rv64I
{
    internal static CodeSlot* Lui(HartState* h, CodeSlot* s) => Set(h, s, Imm(s));

    internal static CodeSlot* Auipc(HartState* h, CodeSlot* s) => Set(h, s, HartState.PcOf(h, s) + Imm(s));

    internal static CodeSlot* Addi(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) + Imm(s));

    internal static CodeSlot* Slti(HartState* h, CodeSlot* s) => Set(h, s, (long)A(h, s) < s->Immediate ? 1UL : 0);

    internal static CodeSlot* Sltiu(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) < Imm(s) ? 1UL : 0);

    internal static CodeSlot* Xori(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) ^ Imm(s));

    internal static CodeSlot* Ori(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) | Imm(s));

    internal static CodeSlot* Andi(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) & Imm(s));

    internal static CodeSlot* Slli(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) << s->Immediate);

    internal static CodeSlot* Srli(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) >> s->Immediate);

    internal static CodeSlot* Srai(HartState* h, CodeSlot* s) => Set(h, s, (ulong)((long)A(h, s) >> s->Immediate));

    internal static CodeSlot* Add(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) + B(h, s));

    internal static CodeSlot* Sub(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) - B(h, s));

    internal static CodeSlot* Sll(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) << (int)(B(h, s) & 63));

    internal static CodeSlot* Slt(HartState* h, CodeSlot* s) => Set(h, s, (long)A(h, s) < (long)B(h, s) ? 1UL : 0);

    internal static CodeSlot* Sltu(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) < B(h, s) ? 1UL : 0);

    internal static CodeSlot* Xor(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) ^ B(h, s));

    internal static CodeSlot* Srl(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) >> (int)(B(h, s) & 63));

    internal static CodeSlot* Sra(HartState* h, CodeSlot* s) => Set(h, s, (ulong)((long)A(h, s) >> (int)(B(h, s) & 63)));

    internal static CodeSlot* Or(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) | B(h, s));

    internal static CodeSlot* And(HartState* h, CodeSlot* s) => Set(h, s, A(h, s) & B(h, s));

    internal static CodeSlot* Addiw(HartState* h, CodeSlot* s) => SetWord(h, s, (uint)A(h, s) + (uint)s->Immediate);

    internal static CodeSlot* Slliw(HartState* h, CodeSlot* s) => SetWord(h, s, (uint)A(h, s) << s->Immediate);

    internal static CodeSlot* Srliw(HartState* h, CodeSlot* s) => SetWord(h, s, (uint)A(h, s) >> s->Immediate);

    internal static CodeSlot* Sraiw(HartState* h, CodeSlot* s) => SetWord(h, s, (uint)((int)A(h, s) >> s->Immediate));

    internal static CodeSlot* Addw(HartState* h, CodeSlot* s) => SetWord(h, s, (uint)A(h, s) + (uint)B(h, s));

    internal static CodeSlot* Subw(HartState* h, CodeSlot* s) => SetWord(h, s, (uint)A(h, s) - (uint)B(h, s));

    internal static CodeSlot* Sllw(HartState* h, CodeSlot* s) => SetWord(h, s, (uint)A(h, s) << (int)(B(h, s) & 31));

    internal static CodeSlot* Srlw(HartState* h, CodeSlot* s) => SetWord(h, s, (uint)A(h, s) >> (int)(B(h, s) & 31));

    internal static CodeSlot* Sraw(HartState* h, CodeSlot* s) => SetWord(h, s, (uint)((int)A(h, s) >> (int)(B(h, s) & 31)));

    /// <summary>
    /// A store before and a load after is the one order that x86-64 does not keep by itself; other hosts get the full barrier as well. The
    /// immediate
    /// is the encoding's: fm, predecessor and successor sets.
    /// </summary>
    internal static CodeSlot* Fence(HartState* h, CodeSlot* s)
    {
        Interlocked.MemoryBarrier();
        return CodeSlot.Next(s);
    }
}
