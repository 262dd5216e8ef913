using System.Text.Json.Serialization;

namespace Cloud.Oci;

/// <summary>Names content by its digest (image-spec, descriptor.md).</summary>
public sealed record OciDescriptor
{
    public string? MediaType { get; init; }

    public required string Digest { get; init; }

    public long Size { get; init; }

    public OciPlatform? Platform { get; init; }

    private const string Algorithm = "sha256:";
    private const int HexLength = 64;

    /// <summary>The 64 hexadecimal digits of the digest.</summary>
    /// <exception cref="OciException">It is no digest by SHA-256.</exception>
    [JsonIgnore]
    public string Hex => HexOf(Digest);

    /// <exception cref="OciException">It is no digest by SHA-256.</exception>
    public static string HexOf(string digest)
    {
        ArgumentNullException.ThrowIfNull(digest);
        var hex = digest.StartsWith(Algorithm, StringComparison.Ordinal) ? digest[Algorithm.Length..] : "";
        return hex.Length == HexLength && hex.All(c => char.IsAsciiDigit(c) || c is >= 'a' and <= 'f')
            ? hex
            : throw new OciException("The image names content by something else than a SHA-256 digest.");
    }
}

/// <summary>What an image runs on.</summary>
public sealed record OciPlatform
{
    public string? Architecture { get; init; }

    public string? Os { get; init; }
}

/// <summary>An index or a manifest (image-spec, image-index.md and manifest.md): which it is, is told by what it has.</summary>
public sealed record OciManifest
{
    public string? MediaType { get; init; }

    public IReadOnlyList<OciDescriptor>? Manifests { get; init; }

    public OciDescriptor? Config { get; init; }

    public IReadOnlyList<OciDescriptor>? Layers { get; init; }
}

/// <summary>An image's configuration (image-spec, config.md).</summary>
public sealed record OciConfig
{
    public string? Architecture { get; init; }

    public string? Os { get; init; }

    [JsonPropertyName("config")]
    public OciProcess? Process { get; init; }

    public OciRootFileSystem? Rootfs { get; init; }
}

/// <summary>The digests of the layers as they are unpacked, the lowest first.</summary>
public sealed record OciRootFileSystem
{
    [JsonPropertyName("diff_ids")]
    public IReadOnlyList<string>? DiffIds { get; init; }
}

/// <summary>What a container of the image runs.</summary>
public sealed record OciProcess
{
    [JsonPropertyName("User")]
    public string? User { get; init; }

    [JsonPropertyName("Env")]
    public IReadOnlyList<string>? Env { get; init; }

    [JsonPropertyName("Entrypoint")]
    public IReadOnlyList<string>? Entrypoint { get; init; }

    [JsonPropertyName("Cmd")]
    public IReadOnlyList<string>? Cmd { get; init; }

    [JsonPropertyName("WorkingDir")]
    public string? WorkingDir { get; init; }

    [JsonPropertyName("StopSignal")]
    public string? StopSignal { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(OciManifest))]
[JsonSerializable(typeof(OciConfig))]
internal sealed partial class OciJson : JsonSerializerContext;
