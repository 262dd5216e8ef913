using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Database.Databases;

/// <summary>The id of a managed database: <c>db-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<DatabaseId>))]
public readonly record struct DatabaseId(string Value) : ITypedId<DatabaseId>
{
    public static string Prefix => "db";

    public static DatabaseId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out DatabaseId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
