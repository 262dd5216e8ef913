using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Backup.Plans;

/// <summary>The id of a backup plan: <c>plan-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<PlanId>))]
public readonly record struct PlanId(string Value) : ITypedId<PlanId>
{
    public static string Prefix => "plan";

    public static PlanId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out PlanId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
