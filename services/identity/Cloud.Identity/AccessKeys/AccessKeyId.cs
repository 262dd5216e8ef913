using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Identity.AccessKeys;

/// <summary>The id of an S3 access key: <c>key-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<AccessKeyId>))]
public readonly record struct AccessKeyId(string Value) : ITypedId<AccessKeyId>
{
    public static string Prefix => "key";

    public static AccessKeyId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out AccessKeyId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
