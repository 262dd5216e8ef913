using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cloud.Messaging;

/// <summary>
/// JSON as messages and sagas hold it: camelCase, enums as words. A member that is not known is skipped, as contracts grow.
/// </summary>
internal static class MessageJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };
}
