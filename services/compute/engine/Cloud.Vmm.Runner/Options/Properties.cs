using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cloud.Vmm.Runner.Options;

/// <summary>
/// The properties of one option, as QEMU takes them: <c>driver,key=value,…</c> with a doubled comma for one, or a JSON object.
/// </summary>
internal sealed class Properties
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    private Properties()
    {
    }

    /// <summary>Reads an option's value.</summary>
    /// <param name="text">The value.</param>
    /// <param name="implied">The key of a first part that has none.</param>
    /// <exception cref="OptionException">The JSON is none.</exception>
    internal static Properties Parse(string text, string implied)
    {
        var properties = new Properties();
        if (text.StartsWith('{'))
        {
            try
            {
                using JsonDocument json = JsonDocument.Parse(text);
                properties.Flatten("", json.RootElement);
            }
            catch (JsonException strange)
            {
                throw new OptionException($"'{text}' is no JSON: {strange.Message}");
            }

            return properties;
        }

        bool first = true;
        foreach (string part in Split(text))
        {
            int equals = part.IndexOf('=');
            if (equals < 0)
            {
                properties._values[first ? implied : part] = first ? part : "on";
            }
            else
            {
                properties._values[part[..equals]] = part[(equals + 1)..];
            }

            first = false;
        }

        return properties;
    }

    /// <summary>Reads the arguments of a command.</summary>
    internal static Properties Of(JsonObject arguments) => Parse(arguments.ToJsonString(), "");

    internal string? Text(string key) => _values.GetValueOrDefault(key);

    /// <exception cref="OptionException">The property is not there.</exception>
    internal string Required(string key) => Text(key) ?? throw new OptionException($"'{key}' is missing.");

    internal bool Flag(string key) => Text(key) is "on" or "true" or "yes";

    /// <exception cref="OptionException">The property is no number.</exception>
    internal int Number(string key, int otherwise)
    {
        if (Text(key) is not { } text)
        {
            return otherwise;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new OptionException($"'{key}={text}' is no number.");
    }

    /// <summary>A number of 64 bits; 0 where it is not there.</summary>
    /// <exception cref="OptionException">The property is no number.</exception>
    internal long LongNumber(string key) => Text(key) is not { } text
        ? 0
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? number
            : throw new OptionException($"'{key}={text}' is no number.");

    private static IEnumerable<string> Split(string text)
    {
        const char Doubled = '\0';
        return text.Replace(",,", Doubled.ToString(), StringComparison.Ordinal).Split(',').Select(part => part.Replace(Doubled, ','));
    }

    private void Flatten(string prefix, JsonElement element)
    {
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string key = prefix + property.Name;
            switch (property.Value.ValueKind)
            {
                case JsonValueKind.Object:
                    Flatten(key + ".", property.Value);
                    break;
                case JsonValueKind.Null:
                    break;
                case JsonValueKind.True or JsonValueKind.False:
                    _values[key] = property.Value.GetBoolean() ? "on" : "off";
                    break;
                default:
                    _values[key] = property.Value.ToString();
                    break;
            }
        }
    }
}
