using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Memory;

/// <summary>
/// An interpreting hart's decoded pages, by guest physical page. Slots are decoded when they are first run; only the hart's own thread
/// touches them.
/// </summary>
internal sealed unsafe class CodeCache(Hart hart) : IDisposable
{
    internal const int SlotsPerPage = 2048;

    // An instruction of four bytes in the last two halfwords leads one or two slots past the page: both lead on to the next page.
    private const int EndSlots = 2;

    // 24 MiB of slots: the kernel and one program's hot code fit well.
    private const int PagesMax = 768;

    private readonly Dictionary<ulong, nint> _pages = [];

    /// <summary>Whether pages must be freed before another is made.</summary>
    internal bool IsFull => _pages.Count >= PagesMax;

    /// <summary>The slots of a page, made where they are not there.</summary>
    internal CodeSlot* SlotsOf(ulong page)
    {
        if (_pages.TryGetValue(page, out nint known))
        {
            return (CodeSlot*)known;
        }

        CodeSlot* slots = AllocatePage();
        Reset(slots);
        _pages.Add(page, (nint)slots);
        return slots;
    }

    /// <summary>Forgets what a page's slots held. The slots stay where they are, so it may happen while they run.</summary>
    internal void Forget(ulong page)
    {
        if (_pages.TryGetValue(page, out nint slots))
        {
            Reset((CodeSlot*)slots);
        }
    }

    /// <summary>Frees every page. Only between two runs of the inner loop.</summary>
    internal void Clear()
    {
        hart.Tlb.FlushFetches();
        foreach (nint slots in _pages.Values)
        {
            NativeMemory.AlignedFree((void*)slots);
        }

        _pages.Clear();
    }

    public void Dispose() => Clear();

    /// <summary>Room for a page's slots, of which only those past its end are written.</summary>
    internal static CodeSlot* AllocatePage()
    {
        var slots = (CodeSlot*)NativeMemory.AlignedAlloc((SlotsPerPage + EndSlots) * (nuint)sizeof(CodeSlot), 64);
        slots[SlotsPerPage].Handler = &Transfers.PageEnd;
        slots[SlotsPerPage + 1].Handler = &Transfers.PageEnd;
        return slots;
    }

    /// <summary>What a slot runs before it is decoded: decodes, then runs what it has become.</summary>
    internal static CodeSlot* DecodeAndRun(HartState* h, CodeSlot* s)
    {
        int index = (int)(s - h->PageSlots);
        Hart.Of(h).MarkCode(h->PageHost + index * 2);
        ushort* code = (ushort*)h->PageHost + index;
        bool compressed = (*code & 3) != 3;
        if (!compressed && index == SlotsPerPage - 1)
        {
            // Its other half is on the next page, wherever that is mapped: decoded anew each time.
            h->Pc = HartState.PcOf(h, s);
            h->Exit = ExitReason.CrossesPage;
            return null;
        }

        Fill(s, Decoder.Decode(compressed ? *code : *code | (uint)code[1] << 16), index);
        return s->Handler(h, s);
    }

    /// <summary>Writes a slot; branches within the page get their Local variant. An index past the page keeps all transfers far.</summary>
    internal static void Fill(CodeSlot* slot, Instruction instruction, int index)
    {
        bool floating = instruction.Op is >= Op.Flw and <= Op.FmvDX;
        slot->Rd = instruction.Rd == 0 && !floating ? (byte)HartState.Sink : instruction.Rd;
        slot->Rs1 = instruction.Rs1;
        slot->Rs2 = instruction.Rs2;
        slot->Step = (byte)(instruction.Length * 8);
        slot->Immediate = instruction.Immediate;
        delegate*<HartState*, CodeSlot*, CodeSlot*> handler = InstructionTable.HandlerOf(instruction.Op);
        if (instruction.Op is >= Op.FmaddS and <= Op.FmvDX and not Op.Fld and not Op.Fsd)
        {
            FillFloat(slot, instruction);
        }
        else if (instruction.Op is >= Op.Jal and <= Op.Bgeu and not Op.Jalr)
        {
            int target = index * 2 + instruction.Immediate;
            if (target is >= 0 and < 4096 && index < SlotsPerPage)
            {
                slot->Immediate = instruction.Immediate * 8;
                handler = LocalHandler(instruction);
            }
        }

        slot->Handler = handler;
    }

    private static void FillFloat(CodeSlot* slot, Instruction instruction)
    {
        slot->Immediate = instruction.Rs3 | instruction.Rounding << 8;
        bool integerResult = instruction.Op
            is >= Op.FcvtWS and <= Op.FclassS or >= Op.FcvtWD and <= Op.FclassD;
        if (integerResult && instruction.Rd == 0)
        {
            slot->Rd = HartState.Sink;
        }
    }

    private static delegate*<HartState*, CodeSlot*, CodeSlot*> LocalHandler(Instruction instruction) => instruction.Op switch
    {
        Op.Jal => instruction.Rd == 0 ? &Transfers.JumpLocal : &Transfers.JalLocal,
        Op.Beq => &Transfers.BeqLocal,
        Op.Bne => &Transfers.BneLocal,
        Op.Blt => &Transfers.BltLocal,
        Op.Bge => &Transfers.BgeLocal,
        Op.Bltu => &Transfers.BltuLocal,
        _ => &Transfers.BgeuLocal,
    };

    private static void Reset(CodeSlot* slots)
    {
        for (int i = 0; i < SlotsPerPage; i++)
        {
            slots[i].Handler = &DecodeAndRun;
        }
    }
}
