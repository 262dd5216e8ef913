using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Isa;
using Cloud.Vmm.RiscV.Jit;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>
/// What instruction handlers and translated code touch of a hart, in unmanaged memory at a fixed address. Everything else is in <see
/// cref="Hart"/>. What translated code needs most comes first, where its displacements take one byte.
/// </summary>
/// <remarks>
/// WHY unsafe: handlers take it as one pointer in a register; a managed object would cost a null check and a moving base for each access.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HartState
{
    /// <summary>Where an instruction with rd = x0 writes: one past x31, never read.</summary>
    internal const int Sink = 32;

    /// <summary>Instructions that translated code may still run; each block takes its own count at its start.</summary>
    internal int Budget;

    /// <summary>Of a jump to a block that is not translated, its offset in the page.</summary>
    internal uint PageOffset;

    /// <summary>The guest virtual address of the page that runs.</summary>
    internal ulong PageAddress;

    /// <summary>The TLB set of the present data privilege, for loads.</summary>
    internal TlbEntry* ReadTlb;

    /// <summary>The TLB set of the present data privilege, for stores.</summary>
    internal TlbEntry* WriteTlb;

    /// <summary>The TLB set of the present mode, for instruction fetch.</summary>
    internal FetchTlbEntry* FetchTlb;

    /// <summary>Exact only outside the inner loop; inside, the slot pointer tells (<see cref="PcOf"/>).</summary>
    internal ulong Pc;

    /// <summary>Where translated code left a block, which says the rest.</summary>
    internal LeaveSite* Site;

    /// <summary>mstatus.FS: 0 off, 1 initial, 2 clean, 3 dirty. Only at 3 do floating-point handlers run straight through.</summary>
    internal uint FloatStatus;

    /// <summary>fcsr.frm.</summary>
    internal uint FloatRounding;

    /// <summary>x0 (always zero) to x31, then <see cref="Sink"/>.</summary>
    internal fixed ulong X[34];

    /// <summary>f0 to f31; a single is boxed in ones.</summary>
    internal fixed ulong F[32];

    /// <summary>Slot 0 of the page that runs.</summary>
    internal CodeSlot* PageSlots;

    /// <summary>Byte 0 of the page that runs, in host memory.</summary>
    internal byte* PageHost;

    /// <summary>
    /// The SSE control and status register while translated code runs: rounding, and the flags raised since it was entered.
    /// </summary>
    internal uint Mxcsr;

    /// <summary>A GCHandle of the <see cref="Hart"/>.</summary>
    internal nint Handle;

    /// <summary>What the handlers of a hart whose code is translated are given, by encoding.</summary>
    internal DecodedInstruction* Decoded;

    internal ulong TrapValue;
    internal TrapCause TrapCause;
    internal ExitReason Exit;

    /// <summary>The instruction of an exit for <see cref="ExitReason.System"/>, and its slot.</summary>
    internal Op SystemOp;
    internal CodeSlot* SystemSlot;

    /// <summary>Set by any thread when the hart must leave its inner loop soon: interrupts, requests of other harts, pause.</summary>
    internal int Attention;

    /// <summary>fcsr.fflags.</summary>
    internal uint FloatFlags;

    /// <summary>The size in bytes of LR's reservation; 0 where there is none.</summary>
    internal int Reserved;

    /// <summary>The guest virtual address of the reservation.</summary>
    internal ulong ReservedAddress;

    /// <summary>What LR read: SC succeeds where memory still holds it.</summary>
    internal ulong ReservedValue;

    /// <summary>The guest virtual address of the instruction in a slot of the present page.</summary>
    internal static ulong PcOf(HartState* h, CodeSlot* slot) => h->PageAddress + ((ulong)((byte*)slot - (byte*)h->PageSlots) >> 3);
}
