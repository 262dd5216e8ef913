using System.Collections;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cloud.Primitives;

/// <summary>
/// Labels of a resource, in the order of their keys. Stored as text, a line a label between line feeds (<c>\nenv=dev\n</c>), so that a
/// database finds a label by looking for its whole line; labels hold no control characters and keys no '='.
/// </summary>
[JsonConverter(typeof(LabelsJsonConverter))]
public sealed class Labels : IReadOnlyCollection<KeyValuePair<string, string>>
{
    private readonly SortedDictionary<string, string> _pairs;

    public Labels(IEnumerable<KeyValuePair<string, string>> pairs) =>
        _pairs = new SortedDictionary<string, string>(new Dictionary<string, string>(pairs), StringComparer.Ordinal);

    public static Labels None { get; } = new([]);

    public int Count => _pairs.Count;

    /// <summary>The line that <see cref="Text"/> holds for a label.</summary>
    public static string Line(string key, string value) => $"\n{key}={value}\n";

    /// <summary>Reads what <see cref="Text"/> wrote.</summary>
    public static Labels FromText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new Labels(text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line =>
        {
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            return new KeyValuePair<string, string>(line[..equals], line[(equals + 1)..]);
        }));
    }

    /// <summary>As it is stored. Empty for none; between two labels stand two line feeds, so that each has its own.</summary>
    public string Text => string.Concat(_pairs.Select(pair => Line(pair.Key, pair.Value)));

    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => _pairs.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

internal sealed class LabelsJsonConverter : JsonConverter<Labels>
{
    public override Labels Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(JsonSerializer.Deserialize<Dictionary<string, string>>(ref reader, options) ?? []);

    public override void Write(Utf8JsonWriter writer, Labels value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var (key, label) in value)
        {
            writer.WriteString(key, label);
        }

        writer.WriteEndObject();
    }
}
