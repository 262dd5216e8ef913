using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.Jit;

/// <summary>Displacements of what translated code touches in the hart's state, from <see cref="Bias"/> bytes into it.</summary>
internal static unsafe class StateOffsets
{
    /// <summary>Where RBP points: displacements of one byte reach as far before it as behind it.</summary>
    internal const int Bias = 128;

    internal static readonly int Pc;
    internal static readonly int PageAddress;
    internal static readonly int ReadTlb;
    internal static readonly int WriteTlb;
    internal static readonly int FetchTlb;
    internal static readonly int Budget;
    internal static readonly int PageOffset;
    internal static readonly int Mxcsr;
    internal static readonly int Site;
    internal static readonly int FloatStatus;
    internal static readonly int FloatRounding;

    /// <summary>Of x0 and f0.</summary>
    internal static readonly int Integers;
    internal static readonly int Floats;

    static StateOffsets()
    {
        HartState state;
        var rbp = (byte*)&state + Bias;
        Pc = (int)((byte*)&state.Pc - rbp);
        PageAddress = (int)((byte*)&state.PageAddress - rbp);
        ReadTlb = (int)((byte*)&state.ReadTlb - rbp);
        WriteTlb = (int)((byte*)&state.WriteTlb - rbp);
        FetchTlb = (int)((byte*)&state.FetchTlb - rbp);
        Budget = (int)((byte*)&state.Budget - rbp);
        PageOffset = (int)((byte*)&state.PageOffset - rbp);
        Mxcsr = (int)((byte*)&state.Mxcsr - rbp);
        Site = (int)((byte*)&state.Site - rbp);
        FloatStatus = (int)((byte*)&state.FloatStatus - rbp);
        FloatRounding = (int)((byte*)&state.FloatRounding - rbp);
        Integers = (int)((byte*)state.X - rbp);
        Floats = (int)((byte*)state.F - rbp);
    }
}
