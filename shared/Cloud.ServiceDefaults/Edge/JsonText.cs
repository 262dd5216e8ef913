using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cloud.ServiceDefaults.Edge;

/// <summary>Text in JSON, without NUL: PostgreSQL's text cannot hold it, and no program wants it in a name or a script.</summary>
internal sealed class JsonText : JsonConverter<string>
{
    private const string NoNul = "The character NUL (\\u0000) is not allowed.";

    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            // As the built-in converter, whose words ExceptionResponses knows.
            throw new JsonException();
        }

        return Checked(reader.GetString()!);
    }

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Checked(reader.GetString()!);

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WritePropertyName(value);

    private static string Checked(string text) => text.Contains('\0', StringComparison.Ordinal) ? throw new JsonException(NoNul) : text;
}
