using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cloud.Primitives;

/// <summary>A number of bytes. In JSON an integer, and on input also a string with a binary unit: <c>"2Gi"</c>.</summary>
/// <param name="Bytes">Never negative when parsed.</param>
[JsonConverter(typeof(ByteSizeJsonConverter))]
public readonly record struct ByteSize(long Bytes)
{
    public const string Form = "an integer of bytes, or a string such as \"512Mi\" or \"2Gi\" (Ki, Mi, Gi, Ti)";

    private static readonly (string Suffix, int Shift)[] Units = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("", 0)];

    public static bool TryParse([NotNullWhen(true)] string? text, out ByteSize size)
    {
        size = default;
        if (text is null)
        {
            return false;
        }

        foreach (var (suffix, shift) in Units)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal))
            {
                var digits = text.AsSpan(0, text.Length - suffix.Length);
                if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                    || number > long.MaxValue >> shift)
                {
                    return false;
                }

                size = new ByteSize(number << shift);
                return true;
            }
        }

        return false;
    }

    public override string ToString()
    {
        foreach (var (suffix, shift) in Units.AsSpan(0, 4).ToArray().Reverse())
        {
            if (Bytes >= 1L << shift && Bytes % (1L << shift) == 0)
            {
                return $"{Bytes >> shift} {suffix}B";
            }
        }

        return $"{Bytes} B";
    }
}

internal sealed class ByteSizeJsonConverter : JsonConverter<ByteSize>
{
    public override ByteSize Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var bytes) && bytes >= 0)
        {
            return new ByteSize(bytes);
        }

        return reader.TokenType == JsonTokenType.String && ByteSize.TryParse(reader.GetString(), out var size)
            ? size
            : throw new JsonException($"Expected {ByteSize.Form}.");
    }

    public override void Write(Utf8JsonWriter writer, ByteSize value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(value.Bytes);
}
