using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>The id of a snapshot: <c>snap-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<SnapshotId>))]
public readonly record struct SnapshotId(string Value) : ITypedId<SnapshotId>
{
    public static string Prefix => "snap";

    public static SnapshotId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out SnapshotId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
