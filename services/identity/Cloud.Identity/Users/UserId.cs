using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Identity.Users;

/// <summary>The id of a user: <c>user-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<UserId>))]
public readonly record struct UserId(string Value) : ITypedId<UserId>
{
    public static string Prefix => "user";

    public static UserId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out UserId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
