namespace Cloud.Vmm.RiscV.Float;

/// <summary>
/// IEEE 754 arithmetic in integers: every rounding mode and flag to the bit, tininess detected after rounding, NaN results canonical, as
/// the RISC-V
/// manual wants. The slow and sure path; <see cref="FloatUnit"/> takes the host's where that gives the same.
/// </summary>
internal static class SoftFloat
{
    /// <summary>The rounding modes of frm.</summary>
    internal const int NearestEven = 0;
    internal const int TowardZero = 1;
    internal const int Down = 2;
    internal const int Up = 3;
    internal const int NearestMaxMagnitude = 4;

    // Significands are held with the leading one at this bit: room above for a carry, and 74 bits below a double's for exact products and
    // sticky bits.
    private const int Top = 126;

    internal static ulong Add(FloatFormat format, ulong a, ulong b, int rounding, ref uint flags)
    {
        if (NaNOf(format, a, b, ref flags, out ulong nan))
        {
            return nan;
        }

        if (format.IsInfinity(a))
        {
            return format.IsInfinity(b) && ((a ^ b) & format.SignBit) != 0 ? Invalid(format, ref flags) : a;
        }

        if (format.IsInfinity(b))
        {
            return b;
        }

        Unpacked x = Unpack(format, a);
        Unpacked y = Unpack(format, b);
        return AddUnpacked(format, x, y, rounding, ref flags);
    }

    internal static ulong Multiply(FloatFormat format, ulong a, ulong b, int rounding, ref uint flags)
    {
        if (NaNOf(format, a, b, ref flags, out ulong nan))
        {
            return nan;
        }

        ulong sign = (a ^ b) & format.SignBit;
        if (format.IsInfinity(a) || format.IsInfinity(b))
        {
            return format.IsZero(a) || format.IsZero(b) ? Invalid(format, ref flags) : sign | format.Infinity;
        }

        return Pack(format, Product(Unpack(format, a), Unpack(format, b)), rounding, ref flags);
    }

    internal static ulong Divide(FloatFormat format, ulong a, ulong b, int rounding, ref uint flags)
    {
        if (NaNOf(format, a, b, ref flags, out ulong nan))
        {
            return nan;
        }

        ulong sign = (a ^ b) & format.SignBit;
        if (format.IsInfinity(a))
        {
            return format.IsInfinity(b) ? Invalid(format, ref flags) : sign | format.Infinity;
        }

        if (format.IsInfinity(b))
        {
            return sign;
        }

        if (format.IsZero(b))
        {
            if (format.IsZero(a))
            {
                return Invalid(format, ref flags);
            }

            flags |= FloatFlags.DivideByZero;
            return sign | format.Infinity;
        }

        if (format.IsZero(a))
        {
            return sign;
        }

        Unpacked x = Unpack(format, a);
        Unpacked y = Unpack(format, b);

        // 64 bits of quotient: ten more than a double's significand, and the remainder as the sticky bit.
        UInt128 numerator = x.Significand >> 1;
        UInt128 denominator = y.Significand >> (Top - 62);
        (UInt128 quotient, UInt128 remainder) = UInt128.DivRem(numerator, denominator);
        return Pack(format, Normalized(sign != 0, x.Exponent - y.Exponent, quotient | (remainder == 0 ? 0U : 1U), 63), rounding, ref flags);
    }

    internal static ulong SquareRoot(FloatFormat format, ulong a, int rounding, ref uint flags)
    {
        if (NaNOf(format, a, a, ref flags, out ulong nan))
        {
            return nan;
        }

        if (format.IsZero(a))
        {
            return a;
        }

        if (format.IsNegative(a))
        {
            return Invalid(format, ref flags);
        }

        if (format.IsInfinity(a))
        {
            return a;
        }

        Unpacked x = Unpack(format, a);

        // The radicand with an even exponent lies in [2^126, 2^128): its root has 64 bits, of which the lowest takes the remainder as
        // sticky bit.
        bool odd = (x.Exponent & 1) != 0;
        UInt128 radicand = odd ? x.Significand << 1 : x.Significand;
        UInt128 root = 0;
        for (int bit = 63; bit >= 0; bit--)
        {
            UInt128 trial = root | UInt128.One << bit;
            if (trial * trial <= radicand)
            {
                root = trial;
            }
        }

        UInt128 sticky = root * root == radicand ? 0U : 1U;
        return Pack(format, Normalized(false, (x.Exponent - (odd ? 1 : 0)) / 2, root | sticky, 63), rounding, ref flags);
    }

    /// <summary>a × b + c with one rounding.</summary>
    internal static ulong FusedMultiplyAdd(FloatFormat format, ulong a, ulong b, ulong c, int rounding, ref uint flags)
    {
        bool infinityTimesZero = format.IsInfinity(a) && format.IsZero(b) || format.IsZero(a) && format.IsInfinity(b);
        if (infinityTimesZero)
        {
            // Invalid even where c is a quiet NaN.
            return Invalid(format, ref flags);
        }

        if (NaNOf(format, a, b, ref flags, out ulong nan) | NaNOf(format, c, c, ref flags, out _))
        {
            return format.QuietNaN;
        }

        ulong sign = (a ^ b) & format.SignBit;
        if (format.IsInfinity(a) || format.IsInfinity(b))
        {
            ulong product = sign | format.Infinity;
            return format.IsInfinity(c) && c != product ? Invalid(format, ref flags) : product;
        }

        return format.IsInfinity(c)
            ? c
            : AddUnpacked(format, Product(Unpack(format, a), Unpack(format, b)), Unpack(format, c), rounding, ref flags);
    }

    /// <summary>A value of one format in another.</summary>
    internal static ulong Convert(FloatFormat from, FloatFormat to, ulong a, int rounding, ref uint flags)
    {
        if (NaNOf(from, a, a, ref flags, out _))
        {
            return to.QuietNaN;
        }

        ulong sign = from.IsNegative(a) ? to.SignBit : 0;
        return from.IsInfinity(a) ? sign | to.Infinity : Pack(to, Unpack(from, a), rounding, ref flags);
    }

    /// <summary>An integer, given by sign and magnitude, as a floating-point number.</summary>
    internal static ulong FromInteger(FloatFormat format, bool negative, ulong magnitude, int rounding, ref uint flags) =>
        Pack(format, Normalized(negative, 0, magnitude, 0), rounding, ref flags);

    /// <summary>
    /// A floating-point number as an integer of 32 or 64 bits; out of range gives the nearest end and only the invalid flag, NaN the
    /// highest.
    /// The result is sign-extended from its width, as registers hold it.
    /// </summary>
    internal static ulong ToInteger(FloatFormat format, ulong a, int bits, bool signed, int rounding, ref uint flags)
    {
        UInt128 high = (UInt128.One << (signed ? bits - 1 : bits)) - 1;
        UInt128 low = signed ? high + 1 : 0;
        bool negative = format.IsNegative(a) && !format.IsNaN(a);
        Unpacked x = Unpack(format, a);
        bool exceeds = format.IsNaN(a) || format.IsInfinity(a) || x.Exponent > 65;
        UInt128 magnitude = 0;
        bool inexact = false;
        if (!exceeds && !x.IsZero)
        {
            int shift = Top - x.Exponent;
            UInt128 jammed = shift <= 2 ? x.Significand : ShiftRightJam(x.Significand, shift - 2);
            (magnitude, inexact) = RoundAway(jammed, 2, x.Negative, rounding);
        }

        if (exceeds || magnitude > (negative ? low : high))
        {
            flags |= FloatFlags.Invalid;
            magnitude = negative ? low : high;
            inexact = false;
        }

        if (inexact)
        {
            flags |= FloatFlags.Inexact;
        }

        ulong value = negative ? (ulong)-(Int128)magnitude : (ulong)magnitude;
        return bits == 32 ? (ulong)(int)value : value;
    }

    private static ulong AddUnpacked(FloatFormat format, Unpacked x, Unpacked y, int rounding, ref uint flags)
    {
        if (x.IsZero && y.IsZero)
        {
            bool negative = x.Negative == y.Negative ? x.Negative : rounding == Down;
            return negative ? format.SignBit : 0;
        }

        if (x.IsZero)
        {
            return Pack(format, y, rounding, ref flags);
        }

        if (y.IsZero)
        {
            return Pack(format, x, rounding, ref flags);
        }

        if (x.Exponent < y.Exponent || x.Exponent == y.Exponent && x.Significand < y.Significand)
        {
            (x, y) = (y, x);
        }

        UInt128 aligned = ShiftRightJam(y.Significand, x.Exponent - y.Exponent);
        UInt128 sum = x.Negative == y.Negative ? x.Significand + aligned : x.Significand - aligned;
        if (sum == 0)
        {
            return rounding == Down ? format.SignBit : 0;
        }

        return Pack(format, Normalized(x.Negative, x.Exponent, sum, Top), rounding, ref flags);
    }

    private static Unpacked Product(Unpacked x, Unpacked y)
    {
        bool negative = x.Negative != y.Negative;
        if (x.IsZero || y.IsZero)
        {
            return new Unpacked(negative, 0, 0);
        }

        // 64 bits of each hold a double's 53 with room: the product is exact.
        UInt128 product = (x.Significand >> 63) * (y.Significand >> 63);
        return Normalized(negative, x.Exponent + y.Exponent, product, Top);
    }

    /// <summary>Rounds to the format: overflow, subnormals and underflow with their flags.</summary>
    private static ulong Pack(FloatFormat format, Unpacked x, int rounding, ref uint flags)
    {
        ulong sign = x.Negative ? format.SignBit : 0;
        if (x.IsZero)
        {
            return sign;
        }

        int drop = Top - format.FractionBits;
        int biased = x.Exponent + format.Bias;
        if (biased >= 1)
        {
            (UInt128 rounded, bool inexact) = RoundAway(x.Significand, drop, x.Negative, rounding);
            if (rounded >> (format.FractionBits + 1) != 0)
            {
                rounded >>= 1;
                biased++;
            }

            if (biased >= format.ExponentMax)
            {
                flags |= FloatFlags.Overflow | FloatFlags.Inexact;
                return sign | (OverflowsToInfinity(x.Negative, rounding) ? format.Infinity : format.Largest);
            }

            flags |= inexact ? FloatFlags.Inexact : 0;
            return sign | (ulong)biased << format.FractionBits | (ulong)rounded & format.FractionMask;
        }

        return sign | PackSubnormal(format, x, drop, biased, rounding, ref flags);
    }

    private static ulong PackSubnormal(FloatFormat format, Unpacked x, int drop, int biased, int rounding, ref uint flags)
    {
        UInt128 shifted = ShiftRightJam(x.Significand, 1 - biased);
        (UInt128 rounded, bool inexact) = RoundAway(shifted, drop, x.Negative, rounding);
        if (inexact)
        {
            // Tiny after rounding: as if the exponent had no lower bound, the result would still lie below the smallest normal number.
            (UInt128 unbounded, _) = RoundAway(x.Significand, drop, x.Negative, rounding);
            bool tiny = biased < 0 || unbounded >> (format.FractionBits + 1) == 0;
            flags |= FloatFlags.Inexact | (tiny ? FloatFlags.Underflow : 0);
        }

        // A carry into the exponent's lowest bit makes the smallest normal number by itself.
        return (ulong)rounded;
    }

    /// <summary>Drops the lowest bits by the rounding mode.</summary>
    private static (UInt128 Value, bool Inexact) RoundAway(UInt128 value, int drop, bool negative, int rounding)
    {
        UInt128 kept = value >> drop;
        UInt128 rest = value & ((UInt128.One << drop) - 1);
        if (rest == 0)
        {
            return (kept, false);
        }

        UInt128 half = UInt128.One << (drop - 1);
        bool up = rounding switch
        {
            NearestEven => rest > half || rest == half && (kept & 1) != 0,
            NearestMaxMagnitude => rest >= half,
            Down => negative,
            Up => !negative,
            _ => false,
        };
        return (up ? kept + 1 : kept, true);
    }

    private static bool OverflowsToInfinity(bool negative, int rounding) => rounding switch
    {
        TowardZero => false,
        Down => negative,
        Up => !negative,
        _ => true,
    };

    private static bool NaNOf(FloatFormat format, ulong a, ulong b, ref uint flags, out ulong result)
    {
        result = format.QuietNaN;
        if (format.IsSignalingNaN(a) || format.IsSignalingNaN(b))
        {
            flags |= FloatFlags.Invalid;
        }

        return format.IsNaN(a) || format.IsNaN(b);
    }

    private static ulong Invalid(FloatFormat format, ref uint flags)
    {
        flags |= FloatFlags.Invalid;
        return format.QuietNaN;
    }

    private static Unpacked Unpack(FloatFormat format, ulong bits)
    {
        bool negative = format.IsNegative(bits);
        int biased = (int)(bits >> format.FractionBits) & format.ExponentMax;
        ulong fraction = bits & format.FractionMask;
        return biased == 0
            ? Normalized(negative, 1 - format.Bias, fraction, format.FractionBits)
            : new Unpacked(negative, biased - format.Bias, (UInt128)(fraction | 1UL << format.FractionBits) << (Top - format.FractionBits));
    }

    /// <summary>Brings the leading one to <see cref="Top"/>; <paramref name="point"/> is the bit that weighs 2 to the exponent.</summary>
    private static Unpacked Normalized(bool negative, int exponent, UInt128 significand, int point)
    {
        if (significand == 0)
        {
            return new Unpacked(negative, 0, 0);
        }

        int leading = 127 - (int)UInt128.LeadingZeroCount(significand);
        UInt128 moved = leading <= Top ? significand << (Top - leading) : ShiftRightJam(significand, leading - Top);
        return new Unpacked(negative, exponent + leading - point, moved);
    }

    /// <summary>Shifts right; what falls out sets the lowest bit, so that no inexactness is lost.</summary>
    private static UInt128 ShiftRightJam(UInt128 value, int count)
    {
        if (count == 0)
        {
            return value;
        }

        if (count > 127)
        {
            return value == 0 ? 0U : 1U;
        }

        UInt128 shifted = value >> count;
        return shifted << count == value ? shifted : shifted | 1;
    }

    /// <summary>
    /// A finite number: Significand has its leading one at <see cref="Top"/> and weighs 2 to the exponent there; 0 is zero.
    /// </summary>
    private readonly record struct Unpacked(bool Negative, int Exponent, UInt128 Significand)
    {
        internal bool IsZero => Significand == 0;
    }
}
