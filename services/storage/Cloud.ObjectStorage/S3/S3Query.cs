using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Cloud.ObjectStorage.S3;

/// <summary>The parameters of a request's query, decoded, in their order.</summary>
internal sealed class S3Query
{
    private const int ParametersMax = 100;

    private readonly List<KeyValuePair<string, string>> _all;

    private S3Query(List<KeyValuePair<string, string>> all) => _all = all;

    public IReadOnlyList<KeyValuePair<string, string>> All => _all;

    /// <param name="raw">What stands after the '?', as it came.</param>
    /// <exception cref="S3Exception">It is not encoded as it must be, or is too much.</exception>
    public static S3Query Parse(string raw)
    {
        var all = new List<KeyValuePair<string, string>>();
        foreach (var pair in raw.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var name = S3Uri.Decode(equals < 0 ? pair : pair[..equals], plusIsSpace: true);
            var value = equals < 0 ? "" : S3Uri.Decode(pair[(equals + 1)..], plusIsSpace: true);
            all.Add(new(name, value));
            if (all.Count > ParametersMax)
            {
                throw S3Error.InvalidUri.With("There are too many query parameters.");
            }
        }

        return new S3Query(all);
    }

    public bool Has(string name) => _all.Exists(pair => pair.Key == name);

    /// <summary>The first value; null where there is no such parameter.</summary>
    public string? this[string name] => TryGet(name, out var value) ? value : null;

    public bool TryGet(string name, [NotNullWhen(true)] out string? value)
    {
        foreach (var pair in _all)
        {
            if (pair.Key == name)
            {
                value = pair.Value;
                return true;
            }
        }

        value = null;
        return false;
    }

    /// <exception cref="S3Exception">It is no number of this range.</exception>
    public int Number(string name, int min, int max, int absent) => !TryGet(name, out var text) || text.Length == 0
        ? absent
        : int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number)
            && number >= min
            ? Math.Min(number, max)
            : throw S3Error.InvalidArgument.With(
                $"{name} must be a number from {min} to {max}.", ("ArgumentName", name), ("ArgumentValue", text));
}

/// <summary>Percent-encoding as S3 and its signatures have it (RFC 3986's unreserved characters stay).</summary>
internal static class S3Uri
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="S3Exception">It is not encoded right, not UTF-8, or holds NUL.</exception>
    public static string Decode(string text, bool plusIsSpace)
    {
        if (!text.AsSpan().ContainsAny('%', '+', '\0') && Ascii.IsValid(text))
        {
            return text;
        }

        var bytes = new byte[text.Length];
        var count = 0;
        for (var at = 0; at < text.Length; at++)
        {
            var c = text[at];
            if (c == '%')
            {
                if (at + 2 >= text.Length || !char.IsAsciiHexDigit(text[at + 1]) || !char.IsAsciiHexDigit(text[at + 2]))
                {
                    throw S3Error.InvalidUri.With("A '%' must be followed by two hexadecimal digits.");
                }

                bytes[count++] = Convert.ToByte(text.Substring(at + 1, 2), 16);
                at += 2;
            }
            else if (c > 0xFF)
            {
                throw S3Error.InvalidUri.With();
            }
            else
            {
                bytes[count++] = c == '+' && plusIsSpace ? (byte)' ' : (byte)c;
            }
        }

        try
        {
            var decoded = Strict.GetString(bytes, 0, count);
            return decoded.Contains('\0', StringComparison.Ordinal)
                ? throw S3Error.InvalidUri.With("The character NUL is not allowed.") : decoded;
        }
        catch (ArgumentException)
        {
            throw S3Error.InvalidUri.With("Expected UTF-8, percent-encoded.");
        }
    }

    public static string Encode(string text, bool keepSlash)
    {
        var result = new StringBuilder(text.Length + 16);
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            if (char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~' || (keepSlash && b == '/'))
            {
                result.Append((char)b);
            }
            else
            {
                result.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
            }
        }

        return result.ToString();
    }
}
