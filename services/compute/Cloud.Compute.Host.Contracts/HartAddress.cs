using System.Globalization;
using Cloud.Primitives;

namespace Cloud.Compute.Host.Contracts;

/// <summary>A virtual address of a guest as text: <c>0x</c> and 1 to 16 hexadecimal digits.</summary>
public static class HartAddress
{
    private const string Prefix = "0x";

    /// <exception cref="CloudException">It is no address.</exception>
    public static ulong Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.StartsWith(Prefix, StringComparison.Ordinal)
            && ulong.TryParse(text[Prefix.Length..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var address)
            ? address
            : throw CloudException.Invalid("address", "Expected 0x and 1 to 16 hexadecimal digits.");
    }
}
