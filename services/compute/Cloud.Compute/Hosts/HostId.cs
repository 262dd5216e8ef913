using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Compute.Hosts;

/// <summary>The id of a compute host: <c>host-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<HostId>))]
public readonly record struct HostId(string Value) : ITypedId<HostId>
{
    public static string Prefix => "host";

    public static HostId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out HostId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
