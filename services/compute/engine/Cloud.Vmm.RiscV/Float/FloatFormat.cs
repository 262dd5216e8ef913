namespace Cloud.Vmm.RiscV.Float;

/// <summary>An IEEE 754 binary interchange format.</summary>
/// <param name="ExponentBits">Bits of the biased exponent.</param>
/// <param name="FractionBits">Bits of the fraction field, without the implied one.</param>
internal readonly record struct FloatFormat(int ExponentBits, int FractionBits)
{
    internal static readonly FloatFormat Single = new(8, 23);
    internal static readonly FloatFormat Double = new(11, 52);

    internal int ExponentMax => (1 << ExponentBits) - 1;

    internal int Bias => ExponentMax >> 1;

    internal ulong FractionMask => (1UL << FractionBits) - 1;

    internal ulong SignBit => 1UL << (ExponentBits + FractionBits);

    internal ulong Infinity => (ulong)ExponentMax << FractionBits;

    /// <summary>The canonical NaN: positive, quiet, no payload.</summary>
    internal ulong QuietNaN => Infinity | QuietBit;

    internal ulong QuietBit => 1UL << (FractionBits - 1);

    internal ulong Largest => Infinity - 1;

    internal bool IsNaN(ulong bits) => (bits & ~SignBit) > Infinity;

    internal bool IsSignalingNaN(ulong bits) => IsNaN(bits) && (bits & QuietBit) == 0;

    internal bool IsInfinity(ulong bits) => (bits & ~SignBit) == Infinity;

    internal bool IsZero(ulong bits) => (bits & ~SignBit) == 0;

    internal bool IsNegative(ulong bits) => (bits & SignBit) != 0;
}
