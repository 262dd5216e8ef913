using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Compute.Images;

/// <summary>The id of an image: <c>img-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<ImageId>))]
public readonly record struct ImageId(string Value) : ITypedId<ImageId>
{
    public static string Prefix => "img";

    public static ImageId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ImageId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
