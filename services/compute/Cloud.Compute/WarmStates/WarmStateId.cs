using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Compute.WarmStates;

/// <summary>The id of an image's warm state: <c>warm-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<WarmStateId>))]
public readonly record struct WarmStateId(string Value) : ITypedId<WarmStateId>
{
    public static string Prefix => "warm";

    public static WarmStateId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out WarmStateId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
