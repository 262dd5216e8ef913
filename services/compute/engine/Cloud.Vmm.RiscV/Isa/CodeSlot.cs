using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>
/// One pre-decoded instruction. A code page has a slot for each of its 2048 halfwords; an instruction of four bytes leaves its second slot
/// unused.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = 16)]
internal unsafe struct CodeSlot
{
    /// <summary>
    /// Runs the instruction: returns the slot of the next one, or null after setting <see cref="HartState.Exit"/> and Pc.
    /// </summary>
    internal delegate*<HartState*, CodeSlot*, CodeSlot*> Handler;

    /// <summary>
    /// The immediate; of a branch within its page the distance in bytes of slots; of floating point rs3 and the rounding mode.
    /// </summary>
    internal int Immediate;

    /// <summary>The destination; <see cref="HartState.Sink"/> for x0.</summary>
    internal byte Rd;
    internal byte Rs1;
    internal byte Rs2;

    /// <summary>The distance to the next slot in bytes: 16 or 32.</summary>
    internal byte Step;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static CodeSlot* Next(CodeSlot* slot) => (CodeSlot*)((byte*)slot + slot->Step);
}
