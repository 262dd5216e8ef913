using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>The id of a bucket: <c>bkt-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<BucketId>))]
public readonly record struct BucketId(string Value) : ITypedId<BucketId>
{
    public static string Prefix => "bkt";

    public static BucketId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out BucketId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
