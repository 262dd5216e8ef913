using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Compute.KeyPairs;

/// <summary>The id of a key pair: <c>key-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<KeyPairId>))]
public readonly record struct KeyPairId(string Value) : ITypedId<KeyPairId>
{
    public static string Prefix => "key";

    public static KeyPairId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out KeyPairId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
