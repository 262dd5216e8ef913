using System.Text.Json.Serialization;

namespace Cloud.Switch.Client;

/// <summary>How the switch writes JSON, on the wire and in its state.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SwitchRequest))]
[JsonSerializable(typeof(SwitchResponse))]
[JsonSerializable(typeof(SwitchPort))]
[JsonSerializable(typeof(IReadOnlyList<SwitchService>))]
public sealed partial class SwitchJson : JsonSerializerContext;
