using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>The id of an instance's snapshot: <c>isnap-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<InstanceSnapshotId>))]
public readonly record struct InstanceSnapshotId(string Value) : ITypedId<InstanceSnapshotId>
{
    public static string Prefix => "isnap";

    public static InstanceSnapshotId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out InstanceSnapshotId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
