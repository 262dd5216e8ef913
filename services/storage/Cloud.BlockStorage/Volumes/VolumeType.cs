namespace Cloud.BlockStorage.Volumes;

/// <summary>How fast volumes may be: limits that the machine of their instance keeps.</summary>
/// <param name="OperationsPerSecond">The most reads and writes a second; null for no limit.</param>
/// <param name="BytesPerSecond">The same as bytes.</param>
public sealed record VolumeType(string Name, string Description, long? OperationsPerSecond, long? BytesPerSecond)
{
    /// <summary>A raw file whose writes are on the host's disk when they are acknowledged.</summary>
    public const string Log = "log";

    private const long Mebibyte = 1 << 20;

    /// <summary>All of them, the one that is taken where none is asked for first.</summary>
    public static IReadOnlyList<VolumeType> All { get; } =
    [
        new("standard", "As fast as the host's disk", null, null),
        new("bulk", "For much that is seldom read", 250, 40 * Mebibyte),
        new("balanced", "For most systems and services", 3000, 125 * Mebibyte),
        new("fast", "For databases", 16000, 500 * Mebibyte),
        new(Log, "For write-ahead logs: a raw volume whose every write is on the disk when it is acknowledged", null, null),
    ];

    internal static VolumeType? Find(string? name) => name is null ? All[0] : All.FirstOrDefault(type => type.Name == name);
}
