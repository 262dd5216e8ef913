namespace Cloud.Vmm.RiscV.Float;

/// <summary>
/// Arithmetic with the host's own where it provably gives the same bits and flags: rounding to nearest, even; a normal result (so neither
/// overflow nor
/// underflow, and no NaN or infinity went in); and an inexactness that an error-free transformation tells. Anything else is <see
/// cref="SoftFloat"/>'s.
/// </summary>
internal static class FloatUnit
{
    // The error term of a product is itself exact only this far above the smallest normal number.
    private const double ProductLeast = 1e-280;
    private const double NormalMost = double.MaxValue;
    private const float SingleLeast = 1.17549435E-38F;

    internal static ulong AddDouble(ulong a, ulong b, int rounding, ref uint flags)
    {
        double x = BitConverter.UInt64BitsToDouble(a);
        double y = BitConverter.UInt64BitsToDouble(b);
        double sum = x + y;
        if (rounding != SoftFloat.NearestEven || !(Math.Abs(sum) is >= ProductLeast and <= NormalMost))
        {
            return SoftFloat.Add(FloatFormat.Double, a, b, rounding, ref flags);
        }

        double back = sum - x;
        return WithInexact(sum, x - (sum - back) + (y - back) != 0, ref flags);
    }

    internal static ulong MultiplyDouble(ulong a, ulong b, int rounding, ref uint flags)
    {
        double x = BitConverter.UInt64BitsToDouble(a);
        double y = BitConverter.UInt64BitsToDouble(b);
        double product = x * y;
        return rounding != SoftFloat.NearestEven || !(Math.Abs(product) is >= ProductLeast and <= NormalMost)
            ? SoftFloat.Multiply(FloatFormat.Double, a, b, rounding, ref flags)
            : WithInexact(product, Math.FusedMultiplyAdd(x, y, -product) != 0, ref flags);
    }

    internal static ulong DivideDouble(ulong a, ulong b, int rounding, ref uint flags)
    {
        double x = BitConverter.UInt64BitsToDouble(a);
        double y = BitConverter.UInt64BitsToDouble(b);
        double quotient = x / y;
        bool host = rounding == SoftFloat.NearestEven && Math.Abs(quotient) is >= ProductLeast and <= NormalMost
            && Math.Abs(x) is >= ProductLeast and <= NormalMost && Math.Abs(y) <= NormalMost;
        return host
            ? WithInexact(quotient, Math.FusedMultiplyAdd(quotient, y, -x) != 0, ref flags)
            : SoftFloat.Divide(FloatFormat.Double, a, b, rounding, ref flags);
    }

    internal static ulong SquareRootDouble(ulong a, int rounding, ref uint flags)
    {
        double x = BitConverter.UInt64BitsToDouble(a);
        if (rounding != SoftFloat.NearestEven || !(x is >= ProductLeast and <= NormalMost))
        {
            return SoftFloat.SquareRoot(FloatFormat.Double, a, rounding, ref flags);
        }

        double root = Math.Sqrt(x);
        return WithInexact(root, Math.FusedMultiplyAdd(root, root, -x) != 0, ref flags);
    }

    internal static ulong FusedDouble(ulong a, ulong b, ulong c, int rounding, ref uint flags)
    {
        // There is no cheap test for a fused result's exactness: the host's only serves once the sticky inexact flag is up.
        if (rounding == SoftFloat.NearestEven && (flags & FloatFlags.Inexact) != 0)
        {
            double result = Math.FusedMultiplyAdd(
                BitConverter.UInt64BitsToDouble(a), BitConverter.UInt64BitsToDouble(b), BitConverter.UInt64BitsToDouble(c));
            if (Math.Abs(result) is >= ProductLeast and <= NormalMost)
            {
                return BitConverter.DoubleToUInt64Bits(result);
            }
        }

        return SoftFloat.FusedMultiplyAdd(FloatFormat.Double, a, b, c, rounding, ref flags);
    }

    internal static ulong AddSingle(ulong a, ulong b, int rounding, ref uint flags)
    {
        float x = BitConverter.UInt32BitsToSingle((uint)a);
        float y = BitConverter.UInt32BitsToSingle((uint)b);
        float sum = x + y;
        if (rounding != SoftFloat.NearestEven || !(Math.Abs(sum) is > SingleLeast and <= float.MaxValue))
        {
            return SoftFloat.Add(FloatFormat.Single, a, b, rounding, ref flags);
        }

        float back = sum - x;
        return WithInexact(sum, x - (sum - back) + (y - back) != 0, ref flags);
    }

    internal static ulong MultiplySingle(ulong a, ulong b, int rounding, ref uint flags)
    {
        // The product of two singles is exact as a double.
        double exact = (double)BitConverter.UInt32BitsToSingle((uint)a) * BitConverter.UInt32BitsToSingle((uint)b);
        float product = (float)exact;
        return rounding != SoftFloat.NearestEven || !(Math.Abs(product) is > SingleLeast and <= float.MaxValue)
            ? SoftFloat.Multiply(FloatFormat.Single, a, b, rounding, ref flags)
            : WithInexact(product, product != exact, ref flags);
    }

    internal static ulong DivideSingle(ulong a, ulong b, int rounding, ref uint flags)
    {
        float x = BitConverter.UInt32BitsToSingle((uint)a);
        float y = BitConverter.UInt32BitsToSingle((uint)b);
        float quotient = x / y;
        bool host = rounding == SoftFloat.NearestEven && Math.Abs(quotient) is > SingleLeast and <= float.MaxValue
            && float.IsFinite(y) && y != 0;
        return host
            ? WithInexact(quotient, (double)quotient * y != x, ref flags)
            : SoftFloat.Divide(FloatFormat.Single, a, b, rounding, ref flags);
    }

    internal static ulong SquareRootSingle(ulong a, int rounding, ref uint flags)
    {
        float x = BitConverter.UInt32BitsToSingle((uint)a);
        if (rounding != SoftFloat.NearestEven || !(x is > SingleLeast and <= float.MaxValue))
        {
            return SoftFloat.SquareRoot(FloatFormat.Single, a, rounding, ref flags);
        }

        float root = MathF.Sqrt(x);
        return WithInexact(root, (double)root * root != x, ref flags);
    }

    internal static ulong FusedSingle(ulong a, ulong b, ulong c, int rounding, ref uint flags)
    {
        if (rounding == SoftFloat.NearestEven && (flags & FloatFlags.Inexact) != 0)
        {
            float result = MathF.FusedMultiplyAdd(
                BitConverter.UInt32BitsToSingle((uint)a),
                BitConverter.UInt32BitsToSingle((uint)b),
                BitConverter.UInt32BitsToSingle((uint)c));
            if (Math.Abs(result) is > SingleLeast and <= float.MaxValue)
            {
                return BitConverter.SingleToUInt32Bits(result);
            }
        }

        return SoftFloat.FusedMultiplyAdd(FloatFormat.Single, a, b, c, rounding, ref flags);
    }

    private static ulong WithInexact(double result, bool inexact, ref uint flags)
    {
        flags |= inexact ? FloatFlags.Inexact : 0;
        return BitConverter.DoubleToUInt64Bits(result);
    }

    private static ulong WithInexact(float result, bool inexact, ref uint flags)
    {
        flags |= inexact ? FloatFlags.Inexact : 0;
        return BitConverter.SingleToUInt32Bits(result);
    }
}
