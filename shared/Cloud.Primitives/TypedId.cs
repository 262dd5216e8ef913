using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Cloud.Primitives;

/// <summary>Makes and parses the identifiers of <see cref="ITypedId{TSelf}"/>.</summary>
public static class TypedId
{
    /// <summary>128 bits in base 32.</summary>
    private const int TailLength = 26;

    // Crockford's alphabet in lower case: no i, l, o, u, and it sorts as its values do.
    private const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    private static readonly SearchValues<char> AlphabetSet = SearchValues.Create(Alphabet);

    /// <summary>A new identifier: 48 bits of the time in milliseconds, then 80 of chance.</summary>
    public static TId New<TId>(TimeProvider time)
        where TId : struct, ITypedId<TId>
    {
        ArgumentNullException.ThrowIfNull(time);
        return TId.FromValue(NewValue(TId.Prefix, time.GetUtcNow()));
    }

    /// <summary>Reads an identifier of this kind; false for anything else, another kind's included.</summary>
    public static bool TryParse<TId>([NotNullWhen(true)] string? text, out TId id)
        where TId : struct, ITypedId<TId>
    {
        id = default;
        var prefix = TId.Prefix;
        if (text is null || text.Length != prefix.Length + 1 + TailLength || !text.StartsWith(prefix, StringComparison.Ordinal)
            || text[prefix.Length] != '-' || text.AsSpan(prefix.Length + 1).ContainsAnyExcept(AlphabetSet))
        {
            return false;
        }

        id = TId.FromValue(text);
        return true;
    }

    /// <summary>A new value with any prefix, for what is not a resource of the API.</summary>
    public static string NewValue(string prefix, DateTimeOffset at)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (ulong)at.ToUnixTimeMilliseconds() << 16);
        RandomNumberGenerator.Fill(bytes[6..]);
        var bits = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        return string.Create(prefix.Length + 1 + TailLength, (prefix, bits), static (text, state) =>
        {
            state.prefix.CopyTo(text);
            text[state.prefix.Length] = '-';
            var rest = state.bits;
            for (var at = text.Length - 1; at > state.prefix.Length; at--)
            {
                text[at] = Alphabet[(int)(uint)(rest & 31)];
                rest >>= 5;
            }
        });
    }
}
