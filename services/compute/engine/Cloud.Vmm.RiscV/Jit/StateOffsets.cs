using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.Jit;

/// <summary>Displacements of what translated code touches in the hart's state.</summary>
internal static class StateOffsets
{
    internal static readonly int Pc = Of(nameof(HartState.Pc));
    internal static readonly int PageAddress = Of(nameof(HartState.PageAddress));
    internal static readonly int ReadTlb = Of(nameof(HartState.ReadTlb));
    internal static readonly int WriteTlb = Of(nameof(HartState.WriteTlb));
    internal static readonly int FetchTlb = Of(nameof(HartState.FetchTlb));
    internal static readonly int Budget = Of(nameof(HartState.Budget));
    internal static readonly int Remaining = Of(nameof(HartState.Remaining));
    internal static readonly int PageOffset = Of(nameof(HartState.PageOffset));
    internal static readonly int Mxcsr = Of(nameof(HartState.Mxcsr));
    internal static readonly int Resume = Of(nameof(HartState.Resume));
    internal static readonly int FloatStatus = Of(nameof(HartState.FloatStatus));
    internal static readonly int FloatRounding = Of(nameof(HartState.FloatRounding));

    private static int Of(string field) => (int)Marshal.OffsetOf<HartState>(field);
}
