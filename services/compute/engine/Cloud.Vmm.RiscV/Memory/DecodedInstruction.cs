using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Memory;

/// <summary>
/// An instruction that a handler runs for a hart whose code is translated, kept by its encoding: all such harts' pages share one page of
/// slots, whose handler looks the instruction up. So a page of code takes no memory for slots, and nothing is kept that memory could
/// contradict.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct DecodedInstruction
{
    // Few encodings need handlers: what is not translated, and accesses that the TLB does not answer.
    private const int CountLog2 = 10;

    /// <summary>The slots of every page; none is ever written.</summary>
    internal static readonly CodeSlot* SharedSlots = MakeSharedSlots();

    internal CodeSlot Slot;
    internal uint Encoding;

    /// <summary>A hart's own, to be freed by who asked.</summary>
    internal static DecodedInstruction* Allocate()
    {
        var all = (DecodedInstruction*)NativeMemory.AlignedAlloc((nuint)sizeof(DecodedInstruction) << CountLog2, 64);
        for (int i = 0; i < 1 << CountLog2; i++)
        {
            all[i].Fill(0);
        }

        return all;
    }

    /// <summary>Runs the instruction that memory holds at a shared slot; as handlers do, with slots of the shared page.</summary>
    private static CodeSlot* DecodeAndRun(HartState* h, CodeSlot* s)
    {
        int index = (int)(s - h->PageSlots);
        ushort* code = (ushort*)h->PageHost + index;
        uint encoding = *code;
        if ((encoding & 3) == 3)
        {
            if (index == CodeCache.SlotsPerPage - 1)
            {
                h->Pc = HartState.PcOf(h, s);
                h->Exit = ExitReason.CrossesPage;
                return null;
            }

            encoding |= (uint)code[1] << 16;
        }

        DecodedInstruction* decoded = h->Decoded + (encoding * 0x9E3779B1 >> (32 - CountLog2));
        if (decoded->Encoding != encoding)
        {
            decoded->Fill(encoding);
        }

        // While the handler runs, the page's slots lie where its own has the right address.
        CodeSlot* page = h->PageSlots;
        CodeSlot* own = &decoded->Slot;
        CodeSlot* shifted = own - index;
        h->PageSlots = shifted;
        CodeSlot* next = own->Handler(h, own);
        if (next is null || h->PageSlots != shifted)
        {
            return next;
        }

        h->PageSlots = page;
        return page + (next - shifted);
    }

    private void Fill(uint encoding)
    {
        fixed (CodeSlot* slot = &Slot)
        {
            // As an instruction past its page, so that its branches go by the fetch TLB.
            CodeCache.Fill(slot, Decoder.Decode(encoding), CodeCache.SlotsPerPage);
        }

        Encoding = encoding;
    }

    private static CodeSlot* MakeSharedSlots()
    {
        CodeSlot* slots = CodeCache.AllocatePage();
        for (int i = 0; i < CodeCache.SlotsPerPage; i++)
        {
            slots[i].Handler = &DecodeAndRun;
        }

        return slots;
    }
}
