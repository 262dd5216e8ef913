using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cloud.Backup.Vaults;

/// <summary>A recovery point as the vault holds it: all that a restore needs to know, and needs no other point.</summary>
public sealed record PointDocument
{
    public required string Id { get; init; }

    /// <summary>What was backed up: <c>volume</c>, <c>instance</c>, <c>bucket</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Its id in the cloud that it was of.</summary>
    public required string Resource { get; init; }

    /// <summary>What it was called then.</summary>
    public string ResourceName { get; init; } = "";

    /// <summary>The instant whose bytes these are.</summary>
    public required DateTimeOffset TakenAt { get; init; }

    /// <summary>For one that holds a log beside a base backup: the earliest instant that it opens.</summary>
    public DateTimeOffset? RestorableFrom { get; init; }

    /// <summary>Nothing removes the point before.</summary>
    public DateTimeOffset? LockedUntil { get; init; }

    public required IReadOnlyList<PointStream> Streams { get; init; }

    [JsonIgnore]
    public long SizeBytes => Streams.Sum(stream => stream.SizeBytes);

    /// <summary>What else a restore asks for, such as an instance's type.</summary>
    public IReadOnlyDictionary<string, JsonElement> Properties { get; init; } = new Dictionary<string, JsonElement>();
}

/// <summary>A run of bytes in a recovery point: a volume's content, a bucket's objects one after the other.</summary>
/// <param name="Nodes">The names of its nodes in hexadecimal digits, each of 64 MiB; zeros for a node of zeros.</param>
/// <param name="Properties">What else is to be known of it, such as a volume's name.</param>
public sealed record PointStream(
    string Name, long SizeBytes, IReadOnlyList<string> Nodes, IReadOnlyDictionary<string, JsonElement>? Properties = null);
