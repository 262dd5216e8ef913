using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Compute.InstanceTypes;

/// <summary>The id of an instance type: <c>type-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<InstanceTypeId>))]
public readonly record struct InstanceTypeId(string Value) : ITypedId<InstanceTypeId>
{
    public static string Prefix => "type";

    public static InstanceTypeId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out InstanceTypeId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
