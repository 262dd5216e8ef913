namespace Cloud.Vmm.RiscV.Float;

/// <summary>Comparison, minimum and maximum, and classification, for either format.</summary>
internal static class FloatCompare
{
    /// <summary>a = b; only a signaling NaN is invalid.</summary>
    internal static bool Equal(FloatFormat format, ulong a, ulong b, ref uint flags)
    {
        if (format.IsNaN(a) || format.IsNaN(b))
        {
            flags |= format.IsSignalingNaN(a) || format.IsSignalingNaN(b) ? FloatFlags.Invalid : 0;
            return false;
        }

        return a == b || format.IsZero(a) && format.IsZero(b);
    }

    /// <summary>a &lt; b; any NaN is invalid.</summary>
    internal static bool Less(FloatFormat format, ulong a, ulong b, ref uint flags)
    {
        if (format.IsNaN(a) || format.IsNaN(b))
        {
            flags |= FloatFlags.Invalid;
            return false;
        }

        return Order(format, a) < Order(format, b);
    }

    /// <summary>a ≤ b; any NaN is invalid.</summary>
    internal static bool LessOrEqual(FloatFormat format, ulong a, ulong b, ref uint flags)
    {
        if (format.IsNaN(a) || format.IsNaN(b))
        {
            flags |= FloatFlags.Invalid;
            return false;
        }

        return Order(format, a) <= Order(format, b);
    }

    /// <summary>minimumNumber of IEEE 754-2019: a NaN gives way to a number, and −0 is less than +0.</summary>
    internal static ulong Minimum(FloatFormat format, ulong a, ulong b, ref uint flags) => Choose(format, a, b, least: true, ref flags);

    /// <summary>maximumNumber of IEEE 754-2019.</summary>
    internal static ulong Maximum(FloatFormat format, ulong a, ulong b, ref uint flags) => Choose(format, a, b, least: false, ref flags);

    /// <summary>The class of FCLASS: one bit of ten.</summary>
    internal static ulong Classify(FloatFormat format, ulong a)
    {
        if (format.IsNaN(a))
        {
            return format.IsSignalingNaN(a) ? 1UL << 8 : 1UL << 9;
        }

        ulong magnitude = a & ~format.SignBit;
        int kind = magnitude == format.Infinity ? 0 : magnitude > format.FractionMask ? 1 : magnitude != 0 ? 2 : 3;
        return 1UL << (format.IsNegative(a) ? kind : 7 - kind);
    }

    private static ulong Choose(FloatFormat format, ulong a, ulong b, bool least, ref uint flags)
    {
        flags |= format.IsSignalingNaN(a) || format.IsSignalingNaN(b) ? FloatFlags.Invalid : 0;
        if (format.IsNaN(a))
        {
            return format.IsNaN(b) ? format.QuietNaN : b;
        }

        if (format.IsNaN(b))
        {
            return a;
        }

        bool firstIsLess = Order(format, a) < Order(format, b) || format.IsZero(a) && format.IsZero(b) && format.IsNegative(a);
        return firstIsLess == least ? a : b;
    }

    private static long Order(FloatFormat format, ulong a) =>
        format.IsNegative(a) ? -(long)(a & ~format.SignBit) : (long)a;
}
