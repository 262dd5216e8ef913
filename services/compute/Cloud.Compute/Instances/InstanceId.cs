using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Compute.Instances;

/// <summary>The id of an instance: <c>i-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<InstanceId>))]
public readonly record struct InstanceId(string Value) : ITypedId<InstanceId>
{
    public static string Prefix => "i";

    public static InstanceId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out InstanceId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
