using Cloud.Vmm.RiscV.Isa;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Cpu;

// The loop that runs instructions.
internal sealed unsafe partial class Hart
{
    // How many instructions run before the timers are looked at: 100 µs at the slowest.
    private const int SliceInstructions = 16384;

    // An instruction that crosses a page is decoded into slot 2047 of a page of its own, of which only the last three slots exist.
    private readonly CodeSlot* _crossSlots;
    private int _sliceLeft;
    private bool _interruptsChanged = true;

    /// <summary>An interrupt may have become takeable: pending, enabled, or the mode changed.</summary>
    internal void InterruptsChanged() => _interruptsChanged = true;

    /// <summary>
    /// Runs about so many instructions, never more; an exception counts as one. Returns early when the hart waits for an interrupt or
    /// another thread
    /// wants its attention.
    /// </summary>
    /// <returns>How many were taken.</returns>
    internal int Run(int steps)
    {
        int left = steps;
        bool first = true;
        while (left > 0)
        {
            if (_sliceLeft <= 0)
            {
                _sliceLeft = SliceInstructions;
                _interruptsChanged = true;
            }

            if (Volatile.Read(ref State->Attention) != 0)
            {
                if (!first)
                {
                    break;
                }

                AnswerRequests();
                _interruptsChanged = true;
            }

            first = false;
            if (_interruptsChanged && TakeInterrupt())
            {
                left--;
                continue;
            }

            if (Waiting)
            {
                break;
            }

            int budget = Math.Min(left, _sliceLeft);
            int taken = _observer is { } observer ? RunObserved(observer, budget)
                : _translated is null ? RunSlice(budget) : RunTranslated(budget);
            left -= taken;
            _sliceLeft -= taken;
            if (taken == 0 && _observer is not null && !_interruptsChanged)
            {
                break;
            }
        }

        return steps - left;
    }

    /// <summary>
    /// Runs instructions until so many retired or one needs more than its handler; returns how many, and one for an exception.
    /// </summary>
    private int RunSlice(int budget)
    {
        HartState* h = State;
        CodeSlot* s = Transfers.To(h, h->Pc);
        if (s is null)
        {
            return FillFetch(h->Pc) ? 0 : TakeException();
        }

        int left = budget;
        while (true)
        {
            do
            {
                s = s->Handler(h, s);
            }
            while (s is not null && --left != 0);

            if (s is not null || h->Exit != ExitReason.CrossesPage)
            {
                break;
            }

            s = CrossingSlot();
            if (s is null)
            {
                break;
            }
        }

        int retired = budget - left;
        Retired += (ulong)retired;
        if (s is not null)
        {
            h->Pc = HartState.PcOf(h, s);
            return retired;
        }

        return retired + FinishExit(h->Exit);
    }

    private int FinishExit(ExitReason exit)
    {
        switch (exit)
        {
            case ExitReason.Trap:
                return TakeException();
            case ExitReason.System:
                if (!RunSystem(State->SystemOp, State->SystemSlot))
                {
                    return TakeException();
                }

                break;
            case ExitReason.FetchUnretired:
                return 0;
        }

        Retired++;
        return 1;
    }

    /// <summary>Decodes the instruction at Pc whose halves lie on two pages; null sets the trap.</summary>
    private CodeSlot* CrossingSlot()
    {
        HartState* h = State;
        ulong next = h->Pc + 2;
        if (!_mmu.Translate(next, Access.Fetch, Mode, out ulong physical, out TrapCause cause))
        {
            h->Exit = ExitReason.Trap;
            Fault(cause, next);
            return null;
        }

        byte* host = _bus.ReadableAt(physical);
        if (host is null)
        {
            h->Exit = ExitReason.Trap;
            Fault(TrapCause.InstructionAccessFault, next);
            return null;
        }

        uint raw = *(ushort*)(h->PageHost + 0xFFE) | (uint)*(ushort*)host << 16;
        CodeCache.Fill(_crossSlots, Decoder.Decode(raw), CodeCache.SlotsPerPage);
        _crossSlots[1].Handler = &Transfers.PageEnd;
        _crossSlots[2].Handler = &Transfers.PageEnd;
        h->PageSlots = _crossSlots - (CodeCache.SlotsPerPage - 1);
        return _crossSlots;
    }
}
