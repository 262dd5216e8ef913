namespace Cloud.Vmm.RiscV.Float;

/// <summary>
/// The accrued exception flags as fflags holds them (unprivileged manual, figure "Floating-Point Accrued Exception flag encoding").
/// </summary>
internal static class FloatFlags
{
    internal const uint Inexact = 1;
    internal const uint Underflow = 2;
    internal const uint Overflow = 4;
    internal const uint DivideByZero = 8;
    internal const uint Invalid = 16;
}
