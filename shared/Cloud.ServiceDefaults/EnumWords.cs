using System.Text.Json;
using Cloud.Primitives;

namespace Cloud.ServiceDefaults;

/// <summary>Enums as the API's words outside of JSON bodies: in queries.</summary>
public static class EnumWords
{
    /// <exception cref="CloudException">It is none of the enum's words; the message lists them.</exception>
    public static T Parse<T>(string word, string field)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (Of(value) == word)
            {
                return value;
            }
        }

        throw CloudException.Invalid(field, $"Expected one of {string.Join(", ", Enum.GetValues<T>().Select(Of))}.");
    }

    /// <summary>The word as it stands in JSON.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
