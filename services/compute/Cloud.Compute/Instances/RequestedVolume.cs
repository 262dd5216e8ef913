using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cloud.Compute.Instances;

/// <summary>A volume that a new instance is to have: its id or name alone, or with how.</summary>
[JsonConverter(typeof(RequestedVolumeConverter))]
public sealed record RequestedVolume
{
    /// <summary>The id or name of a volume of the project that no instance has.</summary>
    public required string Volume { get; init; }

    /// <summary>The guest cannot write to it.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>The volume is deleted with the instance.</summary>
    public bool DeleteOnTermination { get; init; }

    /// <summary>For a container: where it is mounted; left out, at <c>/volumes/</c> and its id.</summary>
    public string? MountPath { get; init; }
}

/// <summary>Reads <c>"data"</c> as <c>{"volume": "data"}</c>.</summary>
internal sealed class RequestedVolumeConverter : JsonConverter<RequestedVolume>
{
    public override RequestedVolume Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return new RequestedVolume { Volume = JsonSerializer.Deserialize<string>(ref reader, options)! };
        }

        var members = JsonSerializer.Deserialize<Members>(ref reader, options)!;
        return new RequestedVolume
        {
            Volume = members.Volume,
            ReadOnly = members.ReadOnly,
            DeleteOnTermination = members.DeleteOnTermination,
            MountPath = members.MountPath,
        };
    }

    public override void Write(Utf8JsonWriter writer, RequestedVolume value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, new Members(value.Volume, value.ReadOnly, value.DeleteOnTermination, value.MountPath), options);

    private sealed record Members(
        [property: JsonRequired] string Volume, bool ReadOnly = false, bool DeleteOnTermination = false, string? MountPath = null);
}
