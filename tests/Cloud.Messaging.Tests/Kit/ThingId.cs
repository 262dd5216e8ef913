using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Messaging.Tests.Kit;

[JsonConverter(typeof(TypedIdJsonConverter<ThingId>))]
internal readonly record struct ThingId(string Value) : ITypedId<ThingId>
{
    public static string Prefix => "thing";

    public static ThingId FromValue(string value) => new(value);
}
