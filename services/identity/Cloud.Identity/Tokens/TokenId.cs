using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Identity.Tokens;

/// <summary>The id of an API token: <c>tok-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<TokenId>))]
public readonly record struct TokenId(string Value) : ITypedId<TokenId>
{
    public static string Prefix => "tok";

    public static TokenId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out TokenId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
