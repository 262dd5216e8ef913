using System.Text.Json;
using System.Text.Json.Serialization;
using Cloud.ObjectStorage.S3.Access;

namespace Cloud.ObjectStorage.Objects;

/// <summary>What is kept of an object beside its bytes. Names are short, as there may be a million of them.</summary>
internal sealed record ObjectAttributes
{
    [JsonPropertyName("ct")]
    public string? ContentType { get; init; }

    [JsonPropertyName("cc")]
    public string? CacheControl { get; init; }

    [JsonPropertyName("cd")]
    public string? ContentDisposition { get; init; }

    [JsonPropertyName("ce")]
    public string? ContentEncoding { get; init; }

    [JsonPropertyName("cl")]
    public string? ContentLanguage { get; init; }

    [JsonPropertyName("ex")]
    public string? Expires { get; init; }

    [JsonPropertyName("wr")]
    public string? WebsiteRedirect { get; init; }

    [JsonPropertyName("sc")]
    public string? StorageClass { get; init; }

    /// <summary>User metadata by name in lower case, without <c>x-amz-meta-</c>; values as the bytes of the header.</summary>
    [JsonPropertyName("m")]
    public Dictionary<string, string>? Metadata { get; init; }

    [JsonPropertyName("t")]
    public Dictionary<string, string>? Tags { get; init; }

    /// <summary>By algorithm (<c>CRC32</c>), base64; of an upload under way the algorithm alone.</summary>
    [JsonPropertyName("ck")]
    public Dictionary<string, string>? Checksums { get; init; }

    /// <summary><c>COMPOSITE</c> where the checksum is one of the parts' checksums.</summary>
    [JsonPropertyName("kt")]
    public string? ChecksumType { get; init; }

    [JsonPropertyName("a")]
    public List<AclGrant>? Grants { get; init; }

    [JsonPropertyName("pc")]
    public int? PartsCount { get; init; }

    [JsonPropertyName("e")]
    public Encryption? Encryption { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, AttributesJson.Default.ObjectAttributes);

    public static ObjectAttributes FromJson(string json) =>
        json.Length == 0 ? new ObjectAttributes() : JsonSerializer.Deserialize(json, AttributesJson.Default.ObjectAttributes)!;
}

/// <summary>How an object's bytes are encrypted.</summary>
internal sealed record Encryption
{
    /// <summary>The key of the bytes, sealed: by the service's own key, or by the customer's.</summary>
    [JsonPropertyName("k")]
    public required byte[] SealedKey { get; init; }

    /// <summary>SSE-C: the MD5 of the customer's key in base64, which the answers carry; null for SSE-S3.</summary>
    [JsonPropertyName("c")]
    public string? CustomerKeyMd5 { get; init; }
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ObjectAttributes))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class AttributesJson : JsonSerializerContext;
