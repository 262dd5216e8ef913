using System.Runtime.CompilerServices;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Memory;
using static Cloud.Vmm.RiscV.Isa.Operands;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>
/// Loads and stores: straight to host memory where the TLB holds the page and the address is aligned, else through the hart.
/// </summary>
/// <remarks>
/// SAFE BECAUSE: a TLB entry is only filled for a page that lies whole in guest memory, and an aligned access does not leave its page.
/// </remarks>
internal static unsafe class LoadsStores
{
    private const ulong Page = ~0xFFFUL;

    internal static CodeSlot* Lb(HartState* h, CodeSlot* s) =>
        ReadHit(h, s, 0, out ulong address, out byte* host) ? Set(h, s, (ulong)*(sbyte*)host) : LoadSlow(h, s, address, 0, 56);

    internal static CodeSlot* Lh(HartState* h, CodeSlot* s) =>
        ReadHit(h, s, 1, out ulong address, out byte* host) ? Set(h, s, (ulong)*(short*)host) : LoadSlow(h, s, address, 1, 48);

    internal static CodeSlot* Lw(HartState* h, CodeSlot* s) =>
        ReadHit(h, s, 3, out ulong address, out byte* host) ? Set(h, s, (ulong)*(int*)host) : LoadSlow(h, s, address, 2, 32);

    internal static CodeSlot* Ld(HartState* h, CodeSlot* s) =>
        ReadHit(h, s, 7, out ulong address, out byte* host) ? Set(h, s, *(ulong*)host) : LoadSlow(h, s, address, 3, 0);

    internal static CodeSlot* Lbu(HartState* h, CodeSlot* s) =>
        ReadHit(h, s, 0, out ulong address, out byte* host) ? Set(h, s, *host) : LoadSlow(h, s, address, 0, 0);

    internal static CodeSlot* Lhu(HartState* h, CodeSlot* s) =>
        ReadHit(h, s, 1, out ulong address, out byte* host) ? Set(h, s, *(ushort*)host) : LoadSlow(h, s, address, 1, 0);

    internal static CodeSlot* Lwu(HartState* h, CodeSlot* s) =>
        ReadHit(h, s, 3, out ulong address, out byte* host) ? Set(h, s, *(uint*)host) : LoadSlow(h, s, address, 2, 0);

    internal static CodeSlot* Sb(HartState* h, CodeSlot* s)
    {
        if (!WriteHit(h, s, 0, out ulong address, out byte* host))
        {
            return StoreSlow(h, s, address, 0, B(h, s));
        }

        *host = (byte)B(h, s);
        return CodeSlot.Next(s);
    }

    internal static CodeSlot* Sh(HartState* h, CodeSlot* s)
    {
        if (!WriteHit(h, s, 1, out ulong address, out byte* host))
        {
            return StoreSlow(h, s, address, 1, B(h, s));
        }

        *(ushort*)host = (ushort)B(h, s);
        return CodeSlot.Next(s);
    }

    internal static CodeSlot* Sw(HartState* h, CodeSlot* s)
    {
        if (!WriteHit(h, s, 3, out ulong address, out byte* host))
        {
            return StoreSlow(h, s, address, 2, B(h, s));
        }

        *(uint*)host = (uint)B(h, s);
        return CodeSlot.Next(s);
    }

    internal static CodeSlot* Sd(HartState* h, CodeSlot* s)
    {
        if (!WriteHit(h, s, 7, out ulong address, out byte* host))
        {
            return StoreSlow(h, s, address, 3, B(h, s));
        }

        *(ulong*)host = B(h, s);
        return CodeSlot.Next(s);
    }

    internal static CodeSlot* Flw(HartState* h, CodeSlot* s)
    {
        if (h->FloatStatus != FloatRegisters.Dirty)
        {
            return FloatRegisters.NotReady(h, s);
        }

        if (ReadHit(h, s, 3, out ulong address, out byte* host))
        {
            h->F[s->Rd] = FloatRegisters.Box | *(uint*)host;
            return CodeSlot.Next(s);
        }

        return Hart.Of(h).Load(address, 2, out ulong value) ? SetFloat(h, s, FloatRegisters.Box | value) : Fault(h, s);
    }

    internal static CodeSlot* Fld(HartState* h, CodeSlot* s)
    {
        if (h->FloatStatus != FloatRegisters.Dirty)
        {
            return FloatRegisters.NotReady(h, s);
        }

        if (ReadHit(h, s, 7, out ulong address, out byte* host))
        {
            h->F[s->Rd] = *(ulong*)host;
            return CodeSlot.Next(s);
        }

        return Hart.Of(h).Load(address, 3, out ulong value) ? SetFloat(h, s, value) : Fault(h, s);
    }

    internal static CodeSlot* Fsw(HartState* h, CodeSlot* s)
    {
        if (h->FloatStatus != FloatRegisters.Dirty)
        {
            return FloatRegisters.NotReady(h, s);
        }

        if (!WriteHit(h, s, 3, out ulong address, out byte* host))
        {
            return StoreSlow(h, s, address, 2, h->F[s->Rs2]);
        }

        *(uint*)host = (uint)h->F[s->Rs2];
        return CodeSlot.Next(s);
    }

    internal static CodeSlot* Fsd(HartState* h, CodeSlot* s)
    {
        if (h->FloatStatus != FloatRegisters.Dirty)
        {
            return FloatRegisters.NotReady(h, s);
        }

        if (!WriteHit(h, s, 7, out ulong address, out byte* host))
        {
            return StoreSlow(h, s, address, 3, h->F[s->Rs2]);
        }

        *(ulong*)host = h->F[s->Rs2];
        return CodeSlot.Next(s);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool ReadHit(HartState* h, CodeSlot* s, ulong alignment, out ulong address, out byte* host)
    {
        address = A(h, s) + Imm(s);
        TlbEntry* entry = h->ReadTlb + Tlb.IndexOf(address);
        host = (byte*)(address + entry->Addend);
        return entry->Tag == (address & (Page | alignment));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool WriteHit(HartState* h, CodeSlot* s, ulong alignment, out ulong address, out byte* host)
    {
        address = A(h, s) + Imm(s);
        TlbEntry* entry = h->WriteTlb + Tlb.IndexOf(address);
        host = (byte*)(address + entry->Addend);
        return entry->Tag == (address & (Page | alignment));
    }

    /// <summary>
    /// A load by the hart: misaligned, not in the TLB, or from a device. The value is shifted up and arithmetically down to extend its
    /// sign.
    /// </summary>
    private static CodeSlot* LoadSlow(HartState* h, CodeSlot* s, ulong address, int sizeLog2, int signShift) =>
        Hart.Of(h).Load(address, sizeLog2, out ulong value) ? Set(h, s, (ulong)((long)(value << signShift) >> signShift)) : Fault(h, s);

    private static CodeSlot* StoreSlow(HartState* h, CodeSlot* s, ulong address, int sizeLog2, ulong value)
    {
        if (!Hart.Of(h).Store(address, sizeLog2, value))
        {
            return Fault(h, s);
        }

        // A store to a device may have raised an interrupt or stopped the machine: look before the next instruction.
        CodeSlot* next = CodeSlot.Next(s);
        if (h->Attention == 0)
        {
            return next;
        }

        h->Pc = HartState.PcOf(h, next);
        h->Exit = ExitReason.Attention;
        return null;
    }

    private static CodeSlot* SetFloat(HartState* h, CodeSlot* s, ulong value)
    {
        h->F[s->Rd] = value;
        return CodeSlot.Next(s);
    }

    private static CodeSlot* Fault(HartState* h, CodeSlot* s)
    {
        h->Pc = HartState.PcOf(h, s);
        h->Exit = ExitReason.Trap;
        return null;
    }
}
