using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cloud.ServiceDefaults.Edge;

/// <summary>Enums as the API's words: <c>on-failure</c>. A word that is none of them is answered with the list of those that are.</summary>
internal sealed class JsonWords : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(JsonWords<>).MakeGenericType(typeToConvert))!;
}

internal sealed class JsonWords<T> : JsonConverter<T>
    where T : struct, Enum
{
    private readonly Dictionary<string, T> _values = Enum.GetValues<T>().Distinct().ToDictionary(EnumWords.Of, StringComparer.Ordinal);
    private readonly Dictionary<T, JsonEncodedText> _words = Enum.GetValues<T>().Distinct()
        .ToDictionary(value => value, value => JsonEncodedText.Encode(EnumWords.Of(value)));

    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && _values.TryGetValue(reader.GetString()!, out var value)
            ? value
            : throw new JsonException($"Expected one of {string.Join(", ", _values.Keys)}.");

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
        writer.WriteStringValue(_words.TryGetValue(value, out var word)
            ? word
            : throw new JsonException($"{typeof(T).Name} has no word for {value}."));
}
