using System.Text.Json;
using System.Text.Json.Serialization;
using Cloud.ServiceDefaults.Edge;

namespace Cloud.ServiceDefaults;

/// <summary>
/// JSON as the API speaks it: camelCase, enums as kebab-case words. What is wrong in a body is an error and is named: a field that does not
/// exist or stands twice, null where the type has none, NUL in a text.
/// </summary>
public static class JsonDefaults
{
    /// <summary>No body of the API nests deeper; it bounds the stack that a body can take.</summary>
    private const int DepthMax = 32;

    public static JsonSerializerOptions Options { get; } = Apply(new JsonSerializerOptions(JsonSerializerDefaults.Web));

    /// <summary>The same rules for what is read as a document.</summary>
    public static JsonDocumentOptions DocumentOptions { get; } = new() { MaxDepth = DepthMax, AllowDuplicateProperties = false };

    public static JsonSerializerOptions Apply(JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.AllowDuplicateProperties = false;
        options.RespectNullableAnnotations = true;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.Never;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.MaxDepth = DepthMax;
        options.Converters.Add(new JsonWords());
        options.Converters.Add(new JsonText());
        options.Converters.Add(new InstantJsonConverter());
        return options;
    }
}

/// <summary>Times in RFC 3339, UTC, to the millisecond.</summary>
internal sealed class InstantJsonConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && reader.TryGetDateTimeOffset(out var at)
            ? at.ToUniversalTime()
            : throw new JsonException("Expected a time such as 2026-11-23T14:03:27Z.");

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(
            value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture));
}
