using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.BlockStorage.Volumes;

/// <summary>The id of a volume: <c>vol-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<VolumeId>))]
public readonly record struct VolumeId(string Value) : ITypedId<VolumeId>
{
    private const int SerialLength = 20;

    public static string Prefix => "vol";

    /// <summary>What a guest sees as the disk's serial number, which virtio limits to 20 characters: the beginning of the id.</summary>
    [JsonIgnore]
    public string Serial => Value[..SerialLength];

    public static VolumeId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out VolumeId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
