using Cloud.Vmm.RiscV.Float;
using Cloud.Vmm.RiscV.Isa;
using Cloud.Vmm.RiscV.Jit;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Cpu;

// The second tier: translated code, and between its runs single instructions by their handlers.
internal sealed unsafe partial class Hart
{
    // All exceptions masked, nothing raised.
    private const uint MxcsrIdle = 0x1F80;
    private const int MxcsrRoundingShift = 13;
    private const uint MxcsrFlags = 0x3F;

    // MXCSR's rounding control for frm 0 to 3; for the others translated code does not round.
    private static readonly uint[] MxcsrRounding = [0, 3, 1, 2, 0, 0, 0, 0];

    private readonly TranslatedCode? _translated;

    /// <summary>
    /// Runs translated code until so many instructions retired or the outer loop must look; returns how many, and one for an exception.
    /// </summary>
    private int RunTranslated(int budget)
    {
        HartState* h = State;
        FetchTlbEntry* page = h->FetchTlb + Tlb.IndexOf(h->Pc);
        if (page->Tag != (h->Pc & PageMask))
        {
            return FillFetch(h->Pc) ? 0 : TakeException();
        }

        h->PageAddress = page->Tag;
        h->Budget = budget;
        nint entry = (nint)page->Entries[(h->Pc & ~PageMask) >> 1];
        while (true)
        {
            LeaveReason reason = EnterTranslated(entry);
            if (reason == LeaveReason.Lookup)
            {
                return RetireTranslated(budget);
            }

            uint offset = reason == LeaveReason.Untranslated ? h->PageOffset : h->Site->Offset;
            h->Pc = h->PageAddress + offset;
            switch (reason)
            {
                case LeaveReason.Untranslated:
                    page = h->FetchTlb + Tlb.IndexOf(h->Pc);
                    if (page->Tag != h->PageAddress)
                    {
                        return RetireTranslated(budget);
                    }

                    entry = _translated!.Translate(page, (int)offset);
                    break;
                case LeaveReason.Budget:
                    // The rest is less than a block: the interpreter counts to the instruction.
                    h->Budget += h->Site->Instructions;
                    int rest = h->Budget;
                    int retired = RetireTranslated(budget);
                    return rest == 0 ? retired : retired + RunSlice(rest);
                default:
                    if (!StepTranslated(budget, out entry, out int taken))
                    {
                        return taken;
                    }

                    break;
            }
        }
    }

    /// <summary>
    /// Runs the instruction at Pc by its handler; true where translated code goes on after it, else how many instructions were taken.
    /// </summary>
    private bool StepTranslated(int budget, out nint entry, out int taken)
    {
        HartState* h = State;
        entry = LeaveSite.ResumeOf(h->Site);
        int rest = h->Site->Instructions + 1;
        ulong pc = h->Pc;

        // The block counted itself whole at its start: here, up to and without the present instruction.
        h->Budget += rest;
        CodeSlot* s = Transfers.To(h, pc);
        if (s is not null)
        {
            s = s->Handler(h, s);
        }

        if (s is not null && entry != 0 && HartState.PcOf(h, s) - pc is 2 or 4)
        {
            h->Budget -= rest;
            taken = 0;
            return true;
        }

        int before = budget - h->Budget;
        Retired += (ulong)before;
        if (s is not null)
        {
            h->Pc = HartState.PcOf(h, s);
            Retired++;
            taken = before + 1;
            return false;
        }

        if (h->Exit == ExitReason.CrossesPage)
        {
            taken = before + RunSlice(1);
            return false;
        }

        taken = before + FinishExit(h->Exit);
        return false;
    }

    private LeaveReason EnterTranslated(nint entry)
    {
        HartState* h = State;
        h->Mxcsr = MxcsrIdle | MxcsrRounding[h->FloatRounding & 7] << MxcsrRoundingShift;
        LeaveReason reason = _translated!.Enter(h, entry);
        uint raised = h->Mxcsr & MxcsrFlags;
        if (raised != 0)
        {
            h->FloatFlags |= FlagsOf(raised);
        }

        return reason;
    }

    /// <summary>Counts what translated code ran.</summary>
    private int RetireTranslated(int budget)
    {
        int retired = budget - State->Budget;
        Retired += (ulong)retired;
        return retired;
    }

    /// <summary>
    /// MXCSR's flags (invalid, denormal, divide by zero, overflow, underflow, precision) as fflags has them; denormal has no counterpart.
    /// </summary>
    private static uint FlagsOf(uint raised) =>
        ((raised & 1) != 0 ? FloatFlags.Invalid : 0) | ((raised & 4) != 0 ? FloatFlags.DivideByZero : 0)
        | ((raised & 8) != 0 ? FloatFlags.Overflow : 0) | ((raised & 16) != 0 ? FloatFlags.Underflow : 0)
        | ((raised & 32) != 0 ? FloatFlags.Inexact : 0);
}
