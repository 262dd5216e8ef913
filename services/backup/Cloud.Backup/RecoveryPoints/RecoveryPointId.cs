using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Backup.RecoveryPoints;

/// <summary>The id of a recovery point: <c>rp-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<RecoveryPointId>))]
public readonly record struct RecoveryPointId(string Value) : ITypedId<RecoveryPointId>
{
    public static string Prefix => "rp";

    public static RecoveryPointId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out RecoveryPointId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
